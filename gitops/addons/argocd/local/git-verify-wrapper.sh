#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Argo CD 3.5 asks for the signature of every commit, even with ARGOCD_GPG_ENABLED=false, and fails without this program.
# No output says that there is none, which is what an AppProject without sourceIntegrity accepts.
exit 0
