"""Reading once where the caller says so, and anew everywhere else."""

from mei_gym.profiles.remembered import remembered, remembering

asked: list[str] = []


@remembered
def read(name: str, times: int = 1) -> str:
    asked.append(name)
    return name * times


def test_a_question_is_asked_once_within_a_memory_and_each_time_outside():
    asked.clear()
    memory: dict = {}
    with remembering(memory):
        assert [read("a"), read("a"), read("a", times=2), read("b")] == ["a", "a", "aa", "b"]
    assert asked == ["a", "a", "b"]
    assert [read("a"), read("a")] == ["a", "a"]
    assert asked == ["a", "a", "b", "a", "a"]
    with remembering(memory):
        assert read("b") == "b"
    with remembering({}):
        assert read("b") == "b"
    assert asked == ["a", "a", "b", "a", "a", "b"]
