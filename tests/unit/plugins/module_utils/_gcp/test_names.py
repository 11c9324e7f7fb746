# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.names import (
    checked_labels,
    checked_name,
    checked_source,
    label_values,
    object_url,
    resource_name,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alpine-3.24.2-x86_64-tiny-r0", "alpine-3-24-2-x86-64-tiny-r0"),
        ("generic_alpine-3.24.1-aarch64-uefi-tiny-metal-r12", "generic-alpine-3-24-1-aarch64-uefi-tiny-metal-r12"),
        ("Alpine__3", "alpine-3"),
        ("-alpine.", "alpine"),
    ],
)
def test_an_alpine_name_is_spelled_with_dashes(name: str, expected: str) -> None:
    assert resource_name(name) == expected


@given(st.text(alphabet=st.sampled_from("abcXYZ019-_. é"), max_size=80))
def test_whatever_is_proposed_is_legal_or_empty_or_refused(name: str) -> None:
    proposal = resource_name(name)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", proposal)
    assert resource_name(proposal) == proposal


@pytest.mark.parametrize("name", ["a", "alpine", "alpine-3-24-2", "a" * 63, "x0"])
def test_legal_names_pass(name: str) -> None:
    assert checked_name(name, "name") == name


@pytest.mark.parametrize("name", ["", "3-alpine", "alpine-", "-alpine", "Alpine", "alpine.3", "alpine_3", "a" * 64])
def test_illegal_names_name_the_option(name: str) -> None:
    with pytest.raises(InputError, match=r"^family must be a lower-case letter"):
        checked_name(name, "family")


def test_a_refusal_proposes_a_legal_name() -> None:
    with pytest.raises(InputError, match=r"Legal would be 'alpine-3-24-2-x86-64-tiny-r0'$"):
        checked_name("alpine-3.24.2-x86_64-tiny-r0", "name")


def test_a_refusal_of_a_long_name_counts_and_proposes_nothing() -> None:
    with pytest.raises(InputError, match="which has 64 characters") as refusal:
        checked_name("a" * 64, "name")
    assert "Legal would be" not in refusal.value.message


def test_a_refusal_counts_only_what_is_too_long() -> None:
    with pytest.raises(InputError) as refusal:
        checked_name("A" * 63, "name")
    assert "which has" not in refusal.value.message


def test_labels_pass_unchanged() -> None:
    labels = {"team": "platform", "cost_center": "", "x-1": "0-a_b"}
    assert checked_labels(labels) == labels


def test_tags_become_legal_labels() -> None:
    tags = {"alpine-image": "alpine-3.24.2-x86_64-tiny-r0", "alpine-end-of-life": "2028-05-01", "team": "Ops & Co"}
    labels = label_values(tags)
    assert labels == {
        "alpine-image": "alpine-3-24-2-x86_64-tiny-r0",
        "alpine-end-of-life": "2028-05-01",
        "team": "ops---co",
    }
    assert checked_labels(labels) == labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"Team": "x"}, "key 'Team'"),
        ({"1st": "x"}, "key '1st'"),
        ({"": "x"}, "key ''"),
        ({"k" * 64: "x"}, "key 'kkk"),
        ({"team": "Platform"}, "value 'Platform' of team"),
        ({"team": "a b"}, "value 'a b' of team"),
        ({"team": "v" * 64}, "value 'vvv"),
        ({f"k{number}": "" for number in range(64)}, "at most 64 labels"),
    ],
)
def test_illegal_labels_are_named(labels: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=f"^labels: .*{words}"):
        checked_labels(labels)


_URL = "https://storage.googleapis.com/images/alpine.tar.gz"


def test_an_object_has_a_url() -> None:
    assert object_url("images", "a b/c+d.tar.gz") == "https://storage.googleapis.com/images/a%20b/c%2Bd.tar.gz"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("gs://images/folder/alpine 1.tar.gz", "https://storage.googleapis.com/images/folder/alpine%201.tar.gz"),
        (_URL, _URL),
        (f"{_URL}?X-Goog-Signature=abc", f"{_URL}?X-Goog-Signature=abc"),
        ("https://storage.googleapis.com/b/a/c.tar.gz", "https://storage.googleapis.com/b/a/c.tar.gz"),
    ],
)
def test_a_source_becomes_a_url(source: str, expected: str) -> None:
    assert checked_source(source) == expected


@pytest.mark.parametrize("source", ["s3://images/alpine.tar.gz", "gs://images", "gs://images/", ""])
def test_a_source_that_is_no_object_is_refused(source: str) -> None:
    with pytest.raises(InputError, match=r"^source must be gs://BUCKET/OBJECT or https://storage"):
        checked_source(source)


def test_a_refused_source_is_not_quoted_with_its_signature() -> None:
    with pytest.raises(InputError) as refusal:
        checked_source("http://storage.googleapis.com/b/o?X-Goog-Signature=secret")
    assert "http://storage.googleapis.com/b/o" in refusal.value.message
    assert "secret" not in refusal.value.message
