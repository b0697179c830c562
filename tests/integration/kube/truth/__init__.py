# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated objects, edits by others, and an oracle that asks the API server itself."""
