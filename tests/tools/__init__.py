# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Makefile calls. Nothing here needs more than Python itself: ``lane`` runs before anything is installed."""
