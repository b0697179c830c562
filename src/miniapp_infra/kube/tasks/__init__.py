# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module of the group ``kube`` does: parameters in, result out. One file per module."""
