# SPDX-License-Identifier: GPL-3.0-or-later
"""What Terraform (or OpenTofu) has made, as far as the platform needs to know it."""
