"""A platform of its own for each module, and the published clients logged in to it."""

from collections.abc import Iterator
from typing import Any, TypeVar

import openstack
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkmodelarts.v1 import ModelArtsClient
from otcextensions import sdk

from tests.acceptance.world import World
from tests.unit.emulator.support import write_code

T = TypeVar("T")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A working folder whose platform runs."""
    world = World(tmp_path_factory.mktemp("judges"))
    write_code(world.folder / "buckets")
    world.serve("--capacity", "4")
    yield world
    world.close()


@pytest.fixture
def vendor(world: World) -> ModelArtsClient:
    """The vendor's client; it signs every request."""
    running = world.emulator
    key = BasicCredentials(running.access_key, running.secret_key, running.project_id)
    return ModelArtsClient.new_builder().with_credentials(key).with_endpoints([running.url]).build()


@pytest.fixture
def otc(world: World) -> Iterator[Any]:
    """python-otcextensions' view of version 1; it logs in with the password."""
    running = world.emulator
    connection = openstack.connect(
        auth={
            "auth_url": running.auth_url,
            "username": running.username,
            "password": running.password,
            "user_domain_name": running.domain,
            "project_name": running.project_name,
        },
        region_name="local",
        modelartsv1_endpoint_override=f"{running.url}/v1/%(project_id)s",
    )
    sdk.register_otc_extensions(connection)
    yield connection.modelartsv1
    connection.close()
