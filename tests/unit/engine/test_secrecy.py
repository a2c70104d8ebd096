"""Secrets through a run: what is sent, what is kept, what is told, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.engine.plan import plan
from reconciler.errors import DefinitionError, PlanStaleError, ProviderError, SecretError
from reconciler.model.job import DesiredJob, JobRecord, Lifecycle
from reconciler.model.plan import Plan
from reconciler.model.secrets import Vault, plain_texts, secrets_of
from reconciler.model.spec import Secret
from reconciler.planning.naming import beside
from tests.build import a_spec
from tests.unit.engine.support import World, a_request, first, job, outcome_of
from tests.unit.engine.tape import Died

VALUE, NEW_VALUE = "hunter2-hunter2", "correct horse"
TOKEN = {"TOKEN": VALUE}
SALT = "00" * 16


def secret_job(name: str = "a", **spec: Any) -> DesiredJob:
    """Return a job with one parameter that is secret."""
    return job(name, **({"parameters": {"lr": "0.1", "key": Secret(secret="TOKEN")}} | spec))


def sent(world: World) -> list[str]:
    """Return the values of the secret parameter that reached the platform."""
    specs = [each.spec for each in world.platform.jobs if each.spec]
    return [str(each.parameters["key"]) for each in specs if "key" in each.parameters]


def kept(record: JobRecord) -> Secret:
    found = record.spec.parameters["key"]
    assert isinstance(found, Secret)
    return found


def planned(world: World, *jobs: DesiredJob, **environment: str) -> Plan:
    """Return the plan that a fresh process makes where TOKEN is set, and whatever else."""
    context = world.context(environment=TOKEN | environment)
    return plan(context, a_request(*jobs)).plan


def die() -> None:
    raise Died


def errors(plan: Plan) -> list[str]:
    return [each.summary for each in plan.errors]


class TestARun:
    def test_the_value_is_sent_and_only_its_hash_is_kept(self) -> None:
        world = World()

        world.apply(secret_job(), environment=TOKEN)

        assert sent(world) == [VALUE]
        assert kept(world.record("a")).secret == "TOKEN"
        assert kept(world.record("a")).hmac == Vault(salt=world.state.salt).hash(VALUE)
        assert VALUE not in world.state.model_dump_json()

    def test_the_same_value_is_no_change(self) -> None:
        world = World()
        world.apply(secret_job(), environment=TOKEN)

        result = world.apply(secret_job(), environment=TOKEN)

        assert outcome_of(result) == {}

    def test_another_value_replaces_the_job(self) -> None:
        world = World()
        world.apply(secret_job(), environment=TOKEN)

        result = world.apply(secret_job(), environment={"TOKEN": NEW_VALUE})

        assert outcome_of(result) == {"a": "done"}
        assert sent(world) == [NEW_VALUE]

    def test_a_variable_that_is_not_set_is_an_error_where_it_is_to_be_sent(self) -> None:
        world = World()

        with pytest.raises(DefinitionError) as refused:
            world.apply(secret_job())

        (problem,) = refused.value.diagnostics
        assert problem.summary == "Secret is not set"
        assert "parameters.key is read from the environment variable TOKEN" in problem.detail
        assert world.platform.jobs == ()

    @pytest.mark.parametrize(("count", "where"), [(1, 'job "a"'), (2, "2 jobs")])
    def test_a_variable_that_is_not_set_is_a_warning_where_nothing_is_sent(
        self, count: int, where: str
    ) -> None:
        world = World()
        jobs = [secret_job(name) for name in "ab"[:count]]
        world.apply(*jobs, environment=TOKEN)

        made = world.plan(*jobs).plan

        assert (made.is_empty, errors(made)) == (True, [])
        (told,) = made.diagnostics
        assert told.summary == "Secret is not set"
        assert f"has changed in {where} cannot be told" in told.detail

    def test_what_stood_there_openly_is_sealed_when_it_becomes_a_secret(self) -> None:
        world = World()
        world.apply(job("a", parameters={"lr": "0.1", "key": VALUE}))

        result = world.apply(secret_job(), environment=TOKEN)

        assert outcome_of(result) == {}
        assert kept(world.record("a")).hmac == Vault(salt=world.state.salt).hash(VALUE)
        assert VALUE not in world.state.model_dump_json()

    def test_a_job_kept_beside_another_is_hidden_when_no_record_tells_of_it_any_more(self) -> None:
        world, keeping = World(), Lifecycle(on_change="keep")
        world.apply(job(lifecycle=keeping))
        earlier = world.state
        wanted = replace(secret_job(), lifecycle=keeping)
        world.apply(wanted, environment=TOKEN)
        name = world.record("a").name
        with world.store.lock(command="restore", timeout=0.0) as writer:
            writer.checkpoint(earlier.model_copy(update={"serial": world.state.serial + 1}))

        made = planned(world, wanted)

        assert name != "a"
        assert errors(made) == ["Name is taken"]
        assert VALUE not in made.model_dump_json()
        assert f'"{name}"' in made.errors[0].detail
        assert "differs" not in made.errors[0].detail

    def test_an_intent_that_a_killed_run_left_is_sealed_and_settled(self) -> None:
        world = World()
        world.around["create"] = first(die)
        with pytest.raises(Died):
            world.apply(secret_job(), environment=TOKEN)
        assert len(world.intents("a")) == 1

        world.apply(secret_job(), environment=TOKEN)

        assert sent(world) == [VALUE]
        assert world.state.intents == {}
        assert VALUE not in world.state.model_dump_json()

    def test_the_first_plan_shows_no_hash_of_a_salt_that_is_only_to_come(self) -> None:
        world = World()

        first, second = (planned(world, secret_job()) for _ in range(2))

        assert first.digest == second.digest
        (action,) = first.actions
        assert action.after is not None
        assert action.after["parameters"]["key"] == {"secret": "TOKEN"}
        assert action.result is not None
        assert kept(action.result).hmac is None


class TestASavedPlan:
    def test_it_is_carried_out_with_the_value_that_it_was_made_with(self) -> None:
        world = World()
        world.apply(job("other"))
        saved = planned(world, job("other"), secret_job())

        world.apply_saved(saved, environment=TOKEN)

        assert sent(world) == [VALUE]
        assert VALUE not in saved.model_dump_json()

    def test_another_value_makes_it_stale(self) -> None:
        world = World()
        world.apply(job("other"))
        saved = planned(world, job("other"), secret_job())

        with pytest.raises(PlanStaleError) as refused:
            world.apply_saved(saved, environment={"TOKEN": NEW_VALUE})

        assert refused.value.detail == 'Job "a": parameters.key (secret TOKEN)'
        assert [each.name for each in world.platform.jobs] == ["other"]

    def test_without_the_value_nothing_is_done(self) -> None:
        world = World()
        world.apply(job("other"))
        saved = planned(world, job("other"), secret_job(), job("plain"))

        with pytest.raises(DefinitionError) as refused:
            world.apply_saved(saved)

        assert [each.summary for each in refused.value.diagnostics] == ["Secret is not set"]
        assert [each.name for each in world.platform.jobs] == ["other"]


class TestTheVault:
    """What a vault does with one spec."""

    VAULT = Vault.of([secret_job().spec], SALT, TOKEN)
    SPEC = secret_job().spec
    PLAIN = a_spec("a", parameters={"lr": "0.1", "key": VALUE})

    def test_a_sealed_spec_has_the_hash_and_keeps_it(self) -> None:
        sealed = self.VAULT.seal(self.SPEC)
        later = Vault.of([self.SPEC], SALT, {"TOKEN": NEW_VALUE})

        (secret,) = secrets_of(sealed).values()
        assert secret == Secret(secret="TOKEN", hmac=self.VAULT.hash(VALUE))
        assert later.seal(sealed) == sealed

    def test_a_hash_depends_on_the_salt(self) -> None:
        assert self.VAULT.hash(VALUE) != Vault(salt="01" * 16).hash(VALUE)

    def test_what_the_platform_echoes_is_hidden(self) -> None:
        assert self.VAULT.hide(self.PLAIN) == self.VAULT.seal(self.SPEC)

    @pytest.mark.parametrize("base", ["a", "a" * 60], ids=["short", "cut"])
    def test_a_job_beside_one_of_the_name_is_hidden_too(self, base: str) -> None:
        secret = secret_job(base)
        plain = {"lr": "0.1", "key": VALUE}
        vault = Vault.of([secret.spec], SALT, TOKEN)
        kept_beside = beside(job(base, parameters=plain), "567524").spec
        stranger = job(f"{base[:50]}-of-others", parameters=plain).spec

        assert secrets_of(vault.hide(kept_beside)) == secrets_of(vault.seal(secret.spec))
        assert vault.hide(stranger) == stranger

    def test_jobs_of_other_names_are_hidden_only_like_their_definition(self) -> None:
        plain = a_spec("b", parameters={"lr": "0.1", "key": VALUE})

        assert self.VAULT.hide(plain) is plain
        assert secrets_of(self.VAULT.hide(plain, like=self.SPEC)).keys() == {("parameters", "key")}

    def test_revealed_is_what_was_sealed(self) -> None:
        assert self.VAULT.reveal(self.VAULT.seal(self.SPEC)) == self.PLAIN

    @pytest.mark.parametrize(
        ("environment", "told"),
        [({}, "Secret is not set"), ({"TOKEN": NEW_VALUE}, "Secret has changed")],
    )
    def test_what_cannot_be_revealed_is_not_sent(
        self, environment: dict[str, str], told: str
    ) -> None:
        sealed = self.VAULT.seal(self.SPEC)

        with pytest.raises(SecretError) as refused:
            Vault.of([sealed], SALT, environment).reveal(sealed)

        assert refused.value.summary == told
        assert "parameters.key" in refused.value.detail
        assert NEW_VALUE not in refused.value.detail

    def test_texts_for_the_platform_are_never_sealed_ones(self) -> None:
        assert plain_texts(self.PLAIN.parameters) == {"lr": "0.1", "key": VALUE}
        with pytest.raises(SecretError, match="not revealed"):
            plain_texts(self.SPEC.parameters)

    def test_a_refusal_that_quotes_the_value_does_not_show_it(self) -> None:
        with pytest.raises(ProviderError) as refused, self.VAULT.kept_out_of_errors(self.SPEC):
            raise ProviderError(f"Bad {VALUE}", f"the value {VALUE} is wrong", f"not {VALUE}")

        said = (refused.value.summary, refused.value.detail, refused.value.hint)
        assert said == (
            "Bad (secret TOKEN)",
            "the value (secret TOKEN) is wrong",
            "not (secret TOKEN)",
        )
        assert refused.value.__cause__ is None

    def test_a_refusal_of_a_job_without_secrets_is_told_as_it_is(self) -> None:
        refusal = ProviderError("Bad", "luck")

        with pytest.raises(ProviderError) as told, self.VAULT.kept_out_of_errors(self.PLAIN):
            raise refusal

        assert told.value is refusal
