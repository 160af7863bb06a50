"""Exports of other programs become sessions: every branch and text, and a count of what is left out. No file does harm."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lam.chat import session_file
from lam.chat.imports.conversation import Refused
from lam.chat.imports.read import Line, lines

from ..documents.hostile import with_declared
from .exports import ROOT, gpt, gpt_message, libre, libre_message, packed, webui, written


def read(data: Any) -> list[Line]:
    """Each converted session must be a valid file."""
    found = list(lines(data if isinstance(data, bytes) else written(data), files=True))
    for line in found:
        if not line.problem:
            session_file.read(bytes(line.file), datetime.now(UTC))
    return found


def one(data: Any) -> tuple[Line, dict[str, Any], list[dict[str, Any]]]:
    """The line, the session, and its messages."""
    [line] = read(data)
    assert not line.problem, line.problem
    file = msgspec.json.decode(line.file)
    return line, file["session"], file["messages"]


def brief(messages: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    return [(message["role"][0], message["content"], message["parent_id"]) for message in messages]


SYSTEM = gpt_message("system", "", metadata={"is_visually_hidden_from_conversation": True})


def test_a_conversation_of_chatgpt_keeps_its_branches_and_what_was_shown_last() -> None:
    line, session, messages = one(
        [
            gpt(
                ("root", None, None),
                ("s", "root", SYSTEM),
                ("u1", "s", gpt_message("user", "Hi", create_time=1.5)),
                ("a1", "u1", gpt_message("assistant", "Hello", metadata={"model_slug": "gpt-4o"}, create_time=2.5)),
                ("a2", "u1", gpt_message("assistant", "Hey", create_time=3.0)),
                ("u2", "a1", gpt_message("user", "And?", create_time=4.0)),
                ("a3", "u2", gpt_message("assistant", "So.", create_time=None)),
                current="a2",
            )
        ]
    )
    assert (line.source, line.source_id, line.branches, line.left) == ("chatgpt", "c-1", 1, {})
    assert brief(messages) == [("u", "Hi", None), ("a", "Hello", 1), ("a", "Hey", 1), ("u", "And?", 2), ("a", "So.", 4)]
    assert messages[1]["metadata"]["model"] == "gpt-4o"
    assert messages[0]["created_at"] == "1970-01-01T00:00:01.500000Z"
    assert session == {"active_message_id": 3, "title": "Talk", "created_at": "2023-11-14T22:13:20.500000Z"}


def test_the_pieces_of_a_reply_become_one_message() -> None:
    code = gpt_message(
        "assistant", kind="code", recipient="python", content={"content_type": "code", "language": "python", "text": "1+1"}
    )
    output = gpt_message(
        "tool", content={"content_type": "execution_output", "text": "2"}, author={"role": "tool", "name": "python"}
    )
    thoughts = gpt_message("assistant", content={"content_type": "thoughts", "thoughts": [{"summary": "Sum", "content": "I add."}]})
    recap = gpt_message("assistant", content={"content_type": "reasoning_recap", "content": "Thought for 2s"})
    _, _, messages = one(
        [
            gpt(
                ("u", None, gpt_message("user", "1+1?")),
                ("t", "u", thoughts),
                ("r", "t", recap),
                ("b", "r", gpt_message("assistant", "Let me see.")),
                ("c", "b", code),
                ("o", "c", output),
                ("a", "o", gpt_message("assistant", "Two.")),
            )
        ]
    )
    assert brief(messages) == [("u", "1+1?", None), ("a", "Let me see.\n\nTwo.", 1)]
    assert messages[1]["thinking"] == "Sum\nI add."
    assert [part["type"] for part in messages[1]["parts"]] == ["text", "tool_call", "tool_result", "text"]
    assert messages[1]["parts"][1]["arguments"] == "1+1"


def test_pieces_that_branch_give_each_branch_a_reply() -> None:
    _, _, messages = one(
        [
            gpt(
                ("u", None, gpt_message("user", "Q")),
                ("a", "u", gpt_message("assistant", "A")),
                ("b", "a", gpt_message("assistant", "B")),
                ("c", "a", gpt_message("assistant", "C")),
                ("v", "a", gpt_message("user", "V")),
                ("w", "c", gpt_message("user", "W")),
            )
        ]
    )
    replies = {content for role, content, _ in brief(messages) if role == "a"}
    parents = {content: messages[parent - 1]["content"] for role, content, parent in brief(messages) if role == "u" and parent}
    assert replies == {"A", "A\n\nB", "A\n\nC"}
    assert parents == {"V": "A", "W": "A\n\nC"}


def test_what_chatgpt_has_and_we_do_not_is_counted() -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    spoken = {"content_type": "audio_transcription", "text": "said aloud", "direction": "in"}
    sound = {"content_type": "audio_asset_pointer", "asset_pointer": "file-service://y"}
    about = gpt_message(
        "user", content={"content_type": "user_editable_context", "user_profile": "I am", "user_instructions": "Do"}
    )
    files = {"attachments": [{"name": "a.pdf", "mime_type": "application/pdf"}, {"name": "b.png", "mime_type": "image/png"}]}
    line, _, messages = one(
        [
            gpt(
                ("x", None, about),
                ("u", "x", gpt_message("user", picture, "What is this?", spoken, sound, kind="multimodal_text", metadata=files)),
                ("a", "u", gpt_message("assistant", "A cat \ue200cite\ue202turn0search1\ue201.")),
            )
        ]
    )
    assert line.left == {"instructions": 1, "image": 1, "audio": 1, "file": 1, "citation": 1}
    assert brief(messages) == [("u", "What is this?\n\nsaid aloud", None), ("a", "A cat .", 1)]


def test_a_chat_of_open_webui_keeps_thoughts_tools_documents_and_ratings() -> None:
    reasoning = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
        "&gt; I &lt;think&gt;\n&gt; on\n</details>\n"
    )
    tool = (
        '<details type="tool_calls" done="true" id="t1" name="weather" arguments="{&quot;city&quot;:&quot;Paris&quot;}" '
        'result="&quot;18 C&quot;">\n<summary>Tool Executed</summary>\n</details>\n'
    )
    file = {"type": "file", "name": "a.txt", "file": {"filename": "a.txt", "data": {"content": "the file"}}}
    line, session, messages = one(
        [
            webui(
                {"id": "u", "parentId": None, "role": "user", "content": "Q", "files": [file, {"type": "image", "url": "data:"}]},
                {
                    "id": "a",
                    "parentId": "u",
                    "role": "assistant",
                    "content": reasoning + tool + "Warm.",
                    "model": "llama",
                    "annotation": {"rating": -1},
                    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
                },
                {"id": "b", "parentId": "u", "role": "assistant", "content": "", "error": {"content": "no key"}, "done": True},
                current="a",
                params={"system": "Be brief"},
            )
        ]
    )
    assert (line.source, line.documents, line.left) == ("open_webui", 1, {"image": 1})
    assert (session["system_prompt"], session["active_message_id"]) == ("Be brief", 2)
    assert messages[0]["parts"] == [{"type": "document", "name": "a.txt", "text": "the file"}, {"type": "text", "text": "Q"}]
    assert (messages[1]["content"], messages[1]["thinking"], messages[1]["rating"]) == ("Warm.", "I <think>\non", "bad")
    assert messages[1]["parts"][0] == {"type": "tool_call", "id": "t1", "name": "weather", "arguments": '{"city":"Paris"}'}
    assert messages[1]["usage"]["total_tokens"] == 7
    assert (messages[2]["status"], messages[2]["error"]["message"]) == ("failed", "no key")


def test_an_older_chat_of_open_webui_is_one_path() -> None:
    chat = {
        "id": "w",
        "chat": {"title": "Old", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    }
    assert brief(one([chat])[2]) == [("u", "a", None), ("a", "b", 1)]


def test_a_conversation_of_librechat_is_read_as_a_list_and_as_a_tree() -> None:
    turn = libre_message("u", ROOT, "Q", user=True, files=[{"filename": "a.md", "text": "inside"}, {"type": "image/png"}])
    content = [
        {"type": "think", "think": "hm"},
        {"type": "text", "text": {"value": "One."}},
        {"type": "tool_call", "tool_call": {"id": "c", "name": "look", "args": {"q": 1}, "output": "found"}},
        {"type": "text", "text": "Two."},
    ]
    reply = libre_message("a", "u", "", content=content, model="gpt-4o", feedback={"rating": "thumbsUp"})
    other = libre_message("b", "u", ":::thinking\nold\n:::\nThree", createdAt="2024-05-28T18:09:00Z", unfinished=True)
    flat = one(libre(turn, reply, other, options={"promptPrefix": "Be kind"}))
    tree = one(libre(recursive=True, messagesTree=[turn | {"children": [reply, other]}], options={"promptPrefix": "Be kind"}))
    assert flat[1:] == tree[1:]
    line, session, messages = flat
    assert (line.source, line.branches, line.documents, line.left) == ("librechat", 1, 1, {"image": 1})
    assert session["system_prompt"] == "Be kind"
    assert (messages[1]["content"], messages[1]["thinking"], messages[1]["rating"]) == ("One.\n\nTwo.", "hm", "good")
    assert [part["type"] for part in messages[1]["parts"]] == ["text", "tool_call", "tool_result", "text"]
    assert (messages[2]["content"], messages[2]["thinking"], messages[2]["status"]) == ("Three", "old", "cancelled")
    assert session["active_message_id"] == 3


OWN = {"format": "lam-session", "version": 1, "session": {"title": "Mine"}, "messages": [{"id": 1, "role": "user", "content": "a"}]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_our_own_file_is_read_in_every_encoding_and_as_a_list(encoding: str) -> None:
    [line] = read(json.dumps(OWN, ensure_ascii=False).encode(encoding))
    assert (line.source, line.title, line.messages, line.source_id) == ("lam", "Mine", 1, "")
    assert len(read([OWN, OWN])) == 2


def test_an_archive_of_chatgpt_is_read_and_its_other_files_are_not() -> None:
    talk = gpt(("u", None, gpt_message("user", "Hi")))
    files = (
        ("user.json", {"id": 1}),
        ("chat.html", b"<html>"),
        ("file-1.png", b"\x89PNG"),
        ("x/shared_conversations.json", [{"id": 1}]),
    )
    assert len(read(packed(("conversations.json", [talk]), *files))) == 1
    assert len(read(packed(("a/conversations-000.json", [talk]), ("a/conversations-001.json", [talk, talk]), *files))) == 3
    assert len(read(packed(("one.json", libre(libre_message("u", ROOT, "Q", user=True))), ("two.json", [talk])))) == 2


TURN = ("u", None, gpt_message("user", "Hi"))
ODD: dict[str, Any] = {
    "a circle": gpt(("a", "b", gpt_message("user", "A")), ("b", "a", gpt_message("assistant", "B"))),
    "its own parent": gpt(("a", "a", gpt_message("user", "A"))),
    "a missing parent": gpt(("a", "gone", gpt_message("assistant", "A"))),
    "a missing child": gpt(TURN) | {"current_node": "gone"},
    "a reply without a turn": gpt(("a", None, gpt_message("assistant", "A"))),
    "numbers for texts": gpt(TURN, title=5, create_time="yesterday", conversation_id=7, current_node=[]),
    "infinite times": gpt(("u", None, gpt_message("user", "Hi", create_time=1e300))),
    "negative times": gpt(("u", None, gpt_message("user", "Hi", create_time=-5))),
    "nodes of other types": gpt(TURN)
    | {"mapping": {"u": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}}, "x": 5}},
    "parts of other types": gpt(("u", None, gpt_message("user", None, 5, ["x"], {"a": "b"}, True))),
    "a content of another type": gpt(TURN, ("a", "u", gpt_message("assistant", content=["x"]))),
    "half a surrogate pair": gpt(("u", None, gpt_message("user", "a\ud800b\0"))),
    "a long title": gpt(TURN, title="t" * 5000),
    "chats of other types": webui({"id": "u", "parentId": None, "role": 5, "content": {"x": 1}, "files": "none", "usage": [1]}),
    "messages of other types": libre("text", 5, {"messageId": 5, "content": "x", "children": {"a": 1}}),  # type: ignore[arg-type]  # what it must bear
    "unfinished details": webui(
        {"id": "a", "parentId": None, "role": "assistant", "content": '<details type="reasoning">' * 30_000}
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_read_as_far_as_it_makes_sense(what: str) -> None:
    [line] = read([ODD[what]])
    assert line.messages >= 1 or line.problem


def test_newer_exports_of_chatgpt_leave_out_children_metadata_and_times() -> None:
    """As strangers reported: the model stands at the conversation, an empty conversation has no mapping, times are milliseconds."""
    talk = gpt(("r", None, None), ("u", "r", gpt_message("user", "Hi")), ("a", "u", gpt_message("assistant", "Yo")))
    talk |= {"default_model_slug": "gpt-5", "create_time": 1700000000500}
    for node in talk["mapping"].values():
        del node["children"]
        if node["message"]:
            del node["message"]["metadata"], node["message"]["recipient"]
    empty = {"title": "Shell", "conversation_id": "c-2", "current_node": None}
    found = read(packed(("conversations-000.json", [empty, talk]), ("user.json", {"id": 1})))
    assert [line.problem for line in found] == ["It holds no messages.", ""]
    file = msgspec.json.decode(found[1].file)
    assert brief(file["messages"]) == [("u", "Hi", None), ("a", "Yo", 1)]
    assert file["messages"][1]["metadata"]["model"] == "gpt-5"
    assert file["session"]["created_at"] == "2023-11-14T22:13:20.500000Z"


def test_a_circle_is_broken_and_counted() -> None:
    line, _, messages = one([ODD["a circle"]])
    assert line.left == {"loop": 1}
    assert brief(messages) == [("u", "A", None), ("a", "B", 1)]


def chain(length: int, *, turns: bool) -> dict[str, Any]:
    """A path of many pieces of one reply, each followed by a turn too where `turns`."""
    nodes: list[tuple[str, str | None, dict[str, Any] | None]] = [TURN, ("a0", "u", gpt_message("assistant", "x"))]
    for n in range(1, length):
        nodes.append((f"a{n}", f"a{n - 1}", gpt_message("assistant", "x")))
        if turns:
            nodes.append((f"u{n}", f"a{n}", gpt_message("user", "y")))
    return gpt(*nodes)


HOSTILE: dict[str, Callable[[], Any]] = {
    "a hundred thousand messages": lambda: gpt(TURN, *((f"n{n}", "u", gpt_message("assistant", "x")) for n in range(100_000))),
    "a reply of many pieces": lambda: chain(30_000, turns=False),
    "pieces that are repeated": lambda: chain(1900, turns=True),
    "a message that is too long": lambda: gpt(("u", None, gpt_message("user", "x" * 1_100_000))),
    "a session that is too long": lambda: gpt(TURN, *((f"n{n}", "u", gpt_message("assistant", "x" * 900_000)) for n in range(15))),
    "nothing": lambda: gpt(),
    "a deep value": lambda: gpt(("u", None, gpt_message("user", json.loads("[" * 900 + "]" * 900)))),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_conversation_that_is_too_much_is_refused_and_the_others_are_read(what: str) -> None:
    found = read([HOSTILE[what](), gpt(TURN)])
    assert [bool(line.problem) for line in found] == [True, False]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an export"),
        (b"PK\x03\x04", "damaged"),
        (b"<html>", "not an export"),
        (b"{}", "not an export"),
        (b"[]", "not an export"),
        (b'[{"uuid": "1", "chat_messages": []}]', "not an export"),
        (b'[{"mapping": ', "damaged"),
        (b'[{"title": "caf\xe9"}]', "UTF-8"),
        (b"[" * 100_000, "damaged"),
        (packed(("a.txt", b"x")), "no file with conversations"),
        (packed(("conversations.json", [])), "not an export"),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read(data)


def test_an_archive_with_too_much_in_it_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(Refused, match="512 MiB"):
        read(packed(*((f"{n}.json", b"{}") for n in range(1100))))
    with pytest.raises(Refused, match="512 MiB"):
        read(with_declared(packed(("conversations.json", b"[]")), b"conversations.json", 600 << 20))
