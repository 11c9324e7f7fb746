# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose code raised an exception: a library's, or this collection's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from .errors import AlpineCloudError

_PLUGINS = __name__.rpartition("module_utils.")[0]


def raised_by_collection(error: BaseException) -> bool:
    """Whether code of this collection raised ``error`` itself, so that it is a bug and no failure of an SDK.

    Which classes an SDK raises changes with its versions, and it may raise anything when it gets an answer that it does
    not expect.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and str(traceback.tb_frame.f_globals.get("__name__")).startswith(_PLUGINS)


@contextlib.contextmanager
def translated_errors(translate: Callable[[Exception], AlpineCloudError]) -> Iterator[None]:
    """Raise what ``translate`` makes of any exception that an SDK raises.

    What code of this collection raises passes: its errors say all there is to say, the rest are bugs.
    """
    try:
        yield
    except AlpineCloudError:
        raise
    except Exception as error:
        if raised_by_collection(error):
            raise
        raise translate(error) from error
