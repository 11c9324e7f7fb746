# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are sent twice, as by a client that has lost the first answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FirstAnswers(Generic[T]):
    """What requests were answered, by the token that a client gives a request so that it can be repeated.

    Whoever uses it holds a lock.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[object, T]] = {}

    def answer(self, token: Hashable, request: object, act: Callable[[], T], *, misused: Exception) -> T:
        """The answer of ``act``, or, to a request that comes again, the first answer.

        :param request: compared with the first one of the same token.
        :param misused: raised when it is another one.
        """
        if token in self._known:
            first, answer = self._known[token]
            if first != request:
                raise misused
            return answer
        answer = act()
        self._known[token] = request, answer
        return answer
