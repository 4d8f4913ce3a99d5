"""The compiler of the rules: one text, compiled or plain, and a digest that every change moves."""

import shutil
import subprocess
import sys
from math import sqrt
from pathlib import Path

import numba
import numpy as np

import mei_gym
from mei_gym.compiled import digest, plain, scalar

STEP = 3


@scalar
def halved(value):
    """Half."""
    return value / 2


@scalar
def distance(x, y=4.0):
    """From the origin, in halves, and a step."""
    return halved(sqrt(x * x + y * y)) * 2 + STEP


def test_a_rule_compiled_equals_the_rule_plain():
    assert distance(3.0, 4.0) == plain(distance)(3.0, 4.0) == 8.0
    assert plain(distance)(3.0) == 8.0


def test_a_plain_rule_calls_plain_rules_and_compiles_nothing():
    code = (
        "import mei_gym.costs.compute as c, numpy as np; from mei_gym.compiled import plain;"
        "from types import SimpleNamespace as S; one = np.ones(1);"
        "p = S(peak_flops=one, bandwidth_bytes_per_s=one, launch_s=0*one, roofline_order=one);"
        "print(plain(c.roofline)(p, 0, 2.0, 3.0), len(c.roofline.overloads))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["5.0", "0"]
    names = plain(distance).__globals__
    assert not isinstance(names["halved"], numba.core.dispatcher.Dispatcher)


def test_what_is_no_rule_is_its_own_plain_form():
    assert plain(len) is len
    assert plain(distance) is plain(distance)


def test_division_by_zero_gives_infinity_in_compiled_rules():
    assert halved(np.inf) == np.inf

    @scalar
    def ratio(one, other):
        return one / other

    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))


def test_a_rule_is_compiled_once_for_all_widths_of_integers():
    @scalar
    def doubled(number):
        return number * 2

    @numba.njit
    def caller(narrow, wide):
        return doubled(narrow) + doubled(wide) + doubled(3)

    assert caller(np.int32(2**30), np.int64(1)) == 2**31 + 2 + 6
    assert len(doubled.overloads) == 1


def test_an_unsigned_key_keeps_its_64_bits():
    @scalar
    def top(key):
        return key >> np.uint64(60)

    @numba.njit
    def caller(key):
        return top(key)

    assert caller(np.uint64(2**64 - 1)) == 15


CHANGES = """
import sys
from pathlib import Path

import mei_gym.compiled as compiled

package = Path(compiled.__file__).parent
assert package == Path.cwd() / "mei_gym"
print(compiled.digest())
for name in sys.argv[1:]:
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("# one line more\\n")
    compiled.digest.cache_clear()
    print(compiled.digest())
"""


def test_the_digest_moves_with_any_change_of_any_rule_and_with_no_other(tmp_path):
    package = Path(mei_gym.__file__).parent
    unread = shutil.ignore_patterns("__pycache__", "data", "*.partial")
    shutil.copytree(package, tmp_path / "mei_gym", ignore=unread)
    rules = ["chance.py", "packed.py", "costs/transfer.py", "network/rate.py", "workload/prompts.py", "envs/task.py"]
    others = ["command.py", "oracle/bound.py"]
    command = [sys.executable, "-c", CHANGES, *rules, *others]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    digests = run.stdout.split()
    assert digests[0] == digest()
    assert len(set(digests[: 1 + len(rules)])) == 1 + len(rules)
    assert digests[-1] == digests[-2] == digests[-3]
