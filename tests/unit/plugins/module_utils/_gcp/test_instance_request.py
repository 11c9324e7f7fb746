# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from google.cloud import compute_v1 as compute
from google.protobuf.json_format import MessageToDict

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.image_link import ImageLink
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.instance_request import GceInstanceRequest
from tests.support.fake_instances import IMAGE, KEY, NAME, PROJECT, FakeInstances, params


def _resource(image: Any = None, **options: Any) -> dict[str, Any]:
    """The request's body, as it goes over the wire."""
    request = GceInstanceRequest.from_params(params(**options))
    body = request.resource(FakeInstances().image if image is None else image)
    return MessageToDict(compute.Instance.pb(compute.Instance(body)), preserving_proto_field_name=True)


def test_a_machine_is_asked_for_as_the_guide_says() -> None:
    assert _resource(ssh_public_key=KEY, user_data="#!/bin/sh") == {
        "name": NAME,
        "machine_type": "zones/europe-west1-b/machineTypes/e2-micro",
        "disks": [
            {
                "boot": True,
                "auto_delete": True,
                "initialize_params": {
                    "source_image": IMAGE,
                    "disk_name": NAME,
                    "disk_size_gb": "10",
                    "labels": {"alpine-cloud-machine": NAME},
                },
            }
        ],
        "network_interfaces": [
            {"access_configs": [{"name": "external-nat", "type_": "ONE_TO_ONE_NAT"}], "nic_type": "GVNIC"}
        ],
        "metadata": {
            "items": [
                {"key": "ssh-keys", "value": f"alpine:{KEY.rpartition(' ')[0]} alpine"},
                {"key": "block-project-ssh-keys", "value": "TRUE"},
                {"key": "user-data", "value": "#!/bin/sh"},
            ]
        },
        "labels": {"alpine-cloud-machine": NAME},
        # Said, not left to a default.
        "shielded_instance_config": {"enable_secure_boot": False},
    }


@pytest.mark.parametrize("comment", ["", " somebody@elsewhere", " a comment of words", " alpine"])
def test_the_login_is_alpine_whatever_the_comment(comment: str) -> None:
    bare = KEY.rpartition(" ")[0]
    [keys] = [
        item["value"]
        for item in _resource(ssh_public_key=f"{bare}{comment}\n")["metadata"]["items"]
        if item["key"] == "ssh-keys"
    ]
    assert keys == f"alpine:{bare} alpine"


def test_a_machine_without_a_key_keeps_those_of_the_project() -> None:
    assert "items" not in _resource()["metadata"]


def test_an_image_without_the_driver_gets_another_interface() -> None:
    image = compute.Image(name="alpine", disk_size_gb=12)
    body = _resource(image, public_address=False)
    assert body["network_interfaces"] == [{}]
    assert body["disks"][0]["initialize_params"]["disk_size_gb"] == "12"


@pytest.mark.parametrize(
    ("options", "interface"),
    [
        ({"network": "lan"}, {"network": "global/networks/lan"}),
        ({"subnetwork": "lan"}, {"subnetwork": "regions/europe-west1/subnetworks/lan"}),
        ({"network": "projects/p/global/networks/n"}, {"network": "projects/p/global/networks/n"}),
        ({"subnetwork": ""}, {}),
    ],
)
def test_networks_become_links(options: dict[str, Any], interface: dict[str, str]) -> None:
    body = _resource(compute.Image(), public_address=False, **options)
    assert body["network_interfaces"] == [interface]


@pytest.mark.parametrize(("architecture", "machine_type"), [("x86_64", "e2-micro"), ("aarch64", "c4a-highcpu-1")])
def test_the_smallest_machine_type_is_taken(architecture: str, machine_type: str) -> None:
    request = GceInstanceRequest.from_params(params(architecture=architecture))
    assert request.wanted().machine_type == machine_type
    # A default is no wish about what is there.
    assert request.machine_type is None


@pytest.mark.parametrize(("os_login", "value"), [(None, None), (False, "FALSE"), (True, "TRUE")])
def test_os_login_is_left_to_the_project_unless_asked_for(os_login: bool | None, value: str | None) -> None:
    request = GceInstanceRequest.from_params(params(os_login=os_login))
    assert request.metadata().get("enable-oslogin") == value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Machine"}, "^name must be a lower-case letter"),
        ({"name": "m" * 64}, "^name must be .* which has 64 characters"),
        ({"zone": "europe-west1"}, "^zone must be one such as europe-west1-b, got 'europe-west1'"),
        ({"zone": "zones/europe-west1-b"}, "^zone must be"),
        ({"machine_type": "zones/z/machineTypes/e2-micro"}, "^machine_type must be"),
        ({"image": "alpine-3.24"}, "^image must be .* Legal would be 'alpine-3-24'"),
        ({"network": "My Network"}, "^network must be"),
        ({"subnetwork": "My Network"}, "^subnetwork must be"),
        ({"labels": {"Team": "x"}}, "^labels: the key 'Team'"),
        (
            {"labels": {f"k{n}": "" for n in range(64)}},
            "^labels: .* at most 64 labels, and alpine-cloud-machine",
        ),
        ({"ssh_public_key": "ssh-dss AAAA"}, "^ssh_public_key must begin"),
        ({"user_data": "x" * 262145}, "^user_data has 262145 bytes, but Google Cloud takes 262144"),
        ({"user_data": "ü" * 131073}, "^user_data has 262146 bytes"),
        ({"console_pattern": "("}, "^console_pattern"),
    ],
)
def test_bad_input_is_told_by_its_option(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        GceInstanceRequest.from_params(params(**options))


def test_the_largest_user_data_is_taken() -> None:
    assert GceInstanceRequest.from_params(params(user_data="x" * 262144)).user_data is not None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alpine", ImageLink(PROJECT, "alpine")),
        ("global/images/alpine", ImageLink(PROJECT, "alpine")),
        ("projects/other/global/images/alpine", ImageLink("other", "alpine")),
        ("https://www.googleapis.com/compute/v1/projects/other/global/images/alpine", ImageLink("other", "alpine")),
        ("https://compute.googleapis.com/compute/v1/projects/a.org:b/global/images/x", ImageLink("a.org:b", "x")),
    ],
)
def test_an_image_is_named_or_linked(value: str, expected: ImageLink) -> None:
    assert ImageLink.parse(value, PROJECT) == expected


@pytest.mark.parametrize(
    "value",
    ["projects/p/global/images/family/alpine", "family/alpine", "gs://bucket/alpine.tar.gz", "projects/p/images/x"],
)
def test_what_is_no_image_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=r"^image must be the name of an image, or its link"):
        ImageLink.parse(value, PROJECT)
