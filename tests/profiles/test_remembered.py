"""Reading once where the caller says so, and anew everywhere else."""

from mei_gym.profiles.remembered import reading_once, remembered, remembering

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


def test_a_block_reads_once_and_leaves_a_longer_memory_alone():
    asked.clear()
    with reading_once():
        assert [read("a"), read("a")] == ["a", "a"]
    assert [read("a"), *asked] == ["a", "a", "a"]
    asked.clear()
    memory: dict = {}
    with remembering(memory):
        with reading_once():
            read("b")
        read("b")
    assert asked == ["b"]
    assert len(memory) == 1
