from ks_universal.model.format.containers import EnvVar
from ks_universal.model.format.migrations import Migrations, Retry, Rollback, Step


def test_the_retry_of_a_step_wins() -> None:
    steps = (Step(name="a"), Step(name="b", retry=Retry.ALL))
    given = Migrations(enabled=True, args=("up",), retry=Retry.PASSING, steps=steps).effective_steps
    assert [step.retry for step in given] == [Retry.PASSING, Retry.ALL]


def test_migrations_that_are_off_have_no_steps() -> None:
    assert Migrations(args=("up",)).effective_steps == ()


def test_without_steps_there_is_one_unnamed_step_with_one_retry() -> None:
    (step,) = Migrations(enabled=True, args=("up",)).effective_steps
    assert (step.name, step.args, step.backoff_limit) == (None, ("up",), 1)


def test_no_retry_is_not_the_default() -> None:
    (step,) = Migrations(enabled=True, args=("up",), backoff_limit=0).effective_steps
    assert step.backoff_limit == 0


def test_the_word_of_a_step_wins_and_lists_of_sources_add_up() -> None:
    general = Migrations(
        enabled=True,
        args=("up",),
        timeout="5m",
        env=(EnvVar(name="A", value="1"), EnvVar(name="B", value="1")),
        labels={"a": "1", "b": "1"},
        volumes=({"name": "x"},),
        steps=(
            Step(
                name="s", timeout="1h", env=(EnvVar(name="A", value="2"),), labels={"a": "2"}, volumes=({"name": "y"},)
            ),
        ),
    )
    (step,) = general.effective_steps
    assert (step.args, step.timeout) == (("up",), "1h")
    assert step.env == (EnvVar(name="A", value="2"), EnvVar(name="B", value="1"))
    assert step.labels == {"a": "2", "b": "1"}
    assert step.volumes == ({"name": "x"}, {"name": "y"})


def test_a_step_with_its_own_image_does_not_inherit_a_tag() -> None:
    general = Migrations(enabled=True, image="a", image_tag="1", steps=(Step(name="s", image="b"),))
    assert general.effective_steps[0].image_tag is None


def test_the_rollback_of_all_steps_runs_once_and_last() -> None:
    undo = Rollback(args=("down",))
    general = Migrations(enabled=True, rollback=undo, steps=(Step(name="a"), Step(name="b")))
    assert [step.rollback for step in general.effective_steps] == [undo, None]
