# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose code raised an exception: a library's, or this collection's own."""

from __future__ import annotations

_PLUGINS = __name__.rpartition("module_utils.")[0]


def raised_by_collection(error: BaseException) -> bool:
    """Whether code of this collection raised ``error`` itself, so that it is a bug and no failure of an SDK.

    The context managers ``provider_errors`` decide by this what to translate: an SDK may raise anything when it gets
    an answer that it does not expect, and which classes it raises changes with its versions.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and str(traceback.tb_frame.f_globals.get("__name__")).startswith(_PLUGINS)
