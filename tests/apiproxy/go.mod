// SPDX-License-Identifier: GPL-3.0-or-later
module apiproxy

go 1.25
