"""Traces read: every format by its columns, and every damage in one sentence with its line."""

import gzip
import json

import numpy as np
import pytest

from mei_gym.workload.trace import read_trace

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:16:46.6805900,879,55
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00.009930+00:00,374,44
2024-05-10 00:00:04.324509+00:00,396,109
2024-05-10 00:01:00.009930+00:00,879,55
"""
MULTIMODAL = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n0,1,374,44\n4.314579,0,396,109\n60,2,879,55\n"
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,374,44,418,Conversation log
9.314579,"GPT-4",396,109,505,"API log, or what not"
12,GPT-4,500,0,500,API log
65,ChatGPT,879,55,934,Conversation log
"""
OWN = (
    "t_s,in_tokens,out_tokens,reusable_prefix_tokens_inf_cache\n100.0,374,44,0\n104.314579,396,109,0\n160,879,55,512\n"
)
MOONCAKE = "\n".join(
    json.dumps({"timestamp": ms, "input_length": prompt, "output_length": answer, "hash_ids": [1, 2, 3]})
    for ms, prompt, answer in ((0, 374, 44), (4314.579, 396, 109), (60_000, 879, 55))
)
MOONCAKE_CSV = "timestamp,input_length,output_length\n0,374,44\n4314.579,396,109\n60000,879,55"


def written(folder, text, name="trace.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [AZURE, AZURE_2024, MULTIMODAL, BURSTGPT, OWN, MOONCAKE, MOONCAKE_CSV, "\ufeff" + OWN, OWN.replace("\n", "\r\n")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_same_requests_are_read_from_every_format(tmp_path, text, packed):
    content = gzip.compress(text.encode()) if packed else text
    trace = read_trace(written(tmp_path, content))
    np.testing.assert_allclose(trace.time_s, [0.0, 4.314579, 60.0], atol=2e-6)
    assert trace.prompt_tokens.tolist() == [374.0, 396.0, 879.0]
    assert trace.answer_tokens.tolist() == [44.0, 109.0, 55.0]


def test_failed_requests_are_left_out_and_counted(tmp_path):
    assert read_trace(written(tmp_path, BURSTGPT)).left_out == 1
    assert read_trace(written(tmp_path, OWN)).left_out == 0


def test_blank_lines_are_passed_over_and_the_first_rows_are_enough(tmp_path):
    text = OWN.replace("\n", "\n\n") + "and no more than that is read"
    trace = read_trace(written(tmp_path, text), first_rows=2)
    assert trace.prompt_tokens.tolist() == [374.0, 396.0]


def test_a_time_scale_of_two_plays_at_half_the_speed(tmp_path):
    path = written(tmp_path, AZURE)
    np.testing.assert_allclose(read_trace(path, time_scale=2.0).time_s, 2.0 * read_trace(path).time_s)


HEAD = "t_s,in_tokens,out_tokens\n"
LINE_3 = "line 3: "


DAMAGES = [
    (HEAD + "0,5,5\nnan,5,5\n", LINE_3 + "t_s is 'nan'; a finite number or a date"),
    (HEAD + "0,5,5\ninf,5,5\n", LINE_3 + "t_s is 'inf'"),
    (HEAD + "0,5,5\nsoon,5,5\n", LINE_3 + "t_s is 'soon'"),
    (HEAD + "0,5,5\n1,nan,5\n", LINE_3 + "in_tokens is 'nan'; a whole number from 0"),
    (HEAD + "0,5,5\n1,5,-5\n", LINE_3 + "out_tokens is '-5'"),
    (HEAD + "0,5,5\n1,5,1e12\n", LINE_3 + "out_tokens is '1e12'"),
    (HEAD + "0,5,5\n1,2.5,5\n", LINE_3 + r"in_tokens is '2\.5'"),
    (HEAD + "0,5,5\n1,,5\n", LINE_3 + "in_tokens is ''"),
    (HEAD + "2,5,5\n1,5,5\n", LINE_3 + "the time falls by 1 s; times in order"),
    (HEAD + "0,5,5\n1,5\n", LINE_3 + "2 fields; 3, as in its head"),
    (HEAD + "0,5,5\n1,5,5,5\n", LINE_3 + "4 fields"),
    (HEAD + '0,5,5\n1,"' + "9" * 200_000 + '",5\n', LINE_3 + "not CSV"),
    (HEAD, "no row with prompt and answer tokens"),
    (HEAD + "0,5,0\n", "no row with prompt and answer tokens"),
    ("", "line 1: the columns are none"),
    ("time,prompt,answer\n0,5,5\n", "line 1: the columns are time, prompt, answer; one of these sets"),
    (HEAD.encode() + b"0,5,5\n1,\xff,5\n", LINE_3 + "not UTF-8"),
    (MOONCAKE + "\n{oh", "line 4: not JSON"),
    (MOONCAKE + "\n[1, 2]", "line 4: JSON, but no object"),
    (MOONCAKE + '\n{"timestamp": 70000, "input_length": 5}', "line 4: output_length is missing"),
    (MOONCAKE + '\n{"timestamp": 7e4, "input_length": true, "output_length": 5}', "line 4: input_length is 'True'"),
    (MOONCAKE + '\n{"timestamp": NaN, "input_length": 5, "output_length": 5}', "line 4: timestamp is 'nan'"),
    (MOONCAKE + '\n{"timestamp": null, "input_length": 5, "output_length": 5}', "line 4: timestamp is 'None'"),
    (MOONCAKE + "\n" + "[" * 100_000, "line 4: not JSON"),
    (gzip.compress(OWN.encode())[:-12], "damaged gzip data"),
    (gzip.compress(OWN.encode())[:12] + b"\xff" * 40, "damaged gzip data"),
]


@pytest.mark.parametrize(("text", "words"), DAMAGES, ids=[words for _, words in DAMAGES])
def test_a_damaged_trace_is_refused_in_one_sentence_with_its_line(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=words) as refusal:
        read_trace(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_limits_of_rows_lines_and_text_hold_and_name_the_line(tmp_path):
    path = written(tmp_path, HEAD + "0,5,5\n" * 100)
    with pytest.raises(ValueError, match="line 12: more than 10 rows; first_rows"):
        read_trace(path, most_rows=10)
    with pytest.raises(ValueError, match="line 1: longer than 8 bytes"):
        read_trace(path, most_line_bytes=8)
    with pytest.raises(ValueError, match="line 5: more than 48 bytes of text"):
        read_trace(path, most_bytes=48)


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_before_it_does(tmp_path):
    path = written(tmp_path, gzip.compress(b"0" * 50_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="line 1: longer than"):
        read_trace(path)
    path = written(tmp_path, gzip.compress(HEAD.encode() + b"0,5,5\n" * 1_000_000))
    with pytest.raises(ValueError, match="more than 100000 bytes"):
        read_trace(path, most_bytes=100_000)


def test_a_missing_file_a_folder_and_wrong_numbers_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.csv cannot be read: No such file"):
        read_trace(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_trace(tmp_path)
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="time_scale is"):
            read_trace(tmp_path / "nowhere.csv", time_scale=scale)
    with pytest.raises(ValueError, match="first_rows is 0"):
        read_trace(tmp_path / "nowhere.csv", first_rows=0)


@pytest.mark.parametrize(
    ("file", "rows"),
    [("azure_llm_2023_conv", 19_366), ("azure_llm_2023_code", 8_819), ("mooncake_fast25_conv", 12_031)],
)
def test_a_public_trace_is_read_whole(traces, file, rows):
    trace = read_trace(traces / f"{file}.csv")
    assert len(trace.time_s) + trace.left_out == rows
    table = np.loadtxt(traces / f"{file}.csv", delimiter=",", skiprows=1)
    table = table[(table[:, 1] >= 1) & (table[:, 2] >= 1)]
    np.testing.assert_allclose(trace.time_s, table[:, 0] - table[0, 0], atol=1e-9)
    np.testing.assert_array_equal(trace.prompt_tokens, table[:, 1])
    np.testing.assert_array_equal(trace.answer_tokens, table[:, 2])
