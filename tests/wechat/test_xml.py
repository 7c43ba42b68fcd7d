"""The strict parser and the builder that nothing breaks out of."""

import contextlib
import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from wxbot.wechat import xml
from wxbot.wechat.xml import BadXml, build, parse

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda n: n not in xml.REPEATABLE)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="￾￿"))


@given(st.dictionaries(names, texts | st.integers(-(10**18), 10**18)))
def test_whatever_is_built_reads_back_the_same_S16b(fields: Any) -> None:
    assert parse(build(fields), max_bytes=10**7) == {name: str(value) for name, value in fields.items()}


@given(texts, texts)
def test_no_text_breaks_out_of_its_field_S16b(left: str, right: str) -> None:
    hostile = f"{left}]]></wishing><total_amount>20000</total_amount><wishing><![CDATA[{right}"
    assert parse(build({"wishing": hostile, "total_amount": 100}), max_bytes=10**7) == {
        "wishing": hostile,
        "total_amount": "100",
    }


def test_nested_and_repeated_elements_read_back() -> None:
    fields = {"ArticleCount": 2, "Articles": {"item": [{"Title": "a]]>b"}, {"Title": ""}]}, "Empty": {}}
    assert parse(build(fields)) == {
        "ArticleCount": "2",
        "Articles": {"item": [{"Title": "a]]>b"}, {"Title": ""}]},
        "Empty": "",
    }


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\rb", "\ud800", "￾", "\x08"])
def test_control_characters_are_refused_in_what_we_build_S16b(text: str) -> None:
    with pytest.raises(BadXml):
        build({"wishing": text})


@pytest.mark.parametrize("name", ["", "a b", "1a", "a>", "<x", "ä", "a" * 65])
def test_strange_field_names_are_refused_S16b(name: str) -> None:
    with pytest.raises(BadXml):
        build({name: "x"})


@pytest.mark.parametrize("value", [1.5, True, None, b"x", object()])
def test_only_texts_and_whole_numbers_are_built(value: Any) -> None:
    with pytest.raises(BadXml):
        build({"a": value})


class Listener:
    """Counts connections: an external entity that is fetched shows up here."""

    def __enter__(self) -> Any:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()
        return self

    def _count(self) -> None:
        try:
            while True:
                self._listener.accept()
                self.connections += 1
        except OSError:
            pass

    def __exit__(self, *_exception: Any) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


ENTITY_ATTACKS = [
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>',
    '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:{port}/">]><xml><a>&e;</a></xml>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p.dtd">%p;]><xml><a>1</a></xml>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:{port}/x.dtd"><xml><a>1</a></xml>',
    '<!DOCTYPE x PUBLIC "-//W3C//DTD" "http://127.0.0.1:{port}/x.dtd"><xml/>',
    "<!DOCTYPE xml><xml><a>1</a></xml>",
    "<xml><a>&undefined;</a></xml>",
    '<?xml version="1.0"?><!DOCTYPE x [<!ELEMENT x ANY>]><xml/>',
]


@pytest.mark.parametrize("document", ENTITY_ATTACKS)
def test_document_types_and_entities_are_refused_and_nothing_is_fetched_S11_S13(document: Any) -> None:
    with Listener() as listener:
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            with pytest.raises(BadXml):
                parse(document.format(port=listener.port).encode(encoding))
        assert listener.connections == 0


def test_doctype_in_a_persons_text_is_only_text_S11() -> None:
    text = "<!DOCTYPE html><!ENTITY x>"
    assert parse(f"<xml><Content><![CDATA[{text}]]></Content></xml>".encode()) == {"Content": text}


def test_billion_laughs_and_quadratic_blow_up_end_at_once_S12() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><xml><a>&l9;</a></xml>'
    quadratic = f'<!DOCTYPE x [<!ENTITY a "{"a" * 30_000}">]><xml><a>{"&a;" * 5_000}</a></xml>'
    for document in (laughs, quadratic):
        began = time.perf_counter()
        with pytest.raises(BadXml):
            parse(document.encode())
        assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"not xml",
        b"<xml>",
        b"<xml/><xml/>",
        b"<html><body>502</body></html>",
        b"<xml><a>1</a><a>2</a></xml>",
        b"<xml>text</xml>",
        b"<xml><a>1</a>text</xml>",
        b"<xml>text<a>1</a></xml>",
        b"<xml><a>x<b>1</b></a></xml>",
        b"<xml><a b='c'>1</a></xml>",
        b"<xml><!-- hidden --><a>1</a></xml>",
        b"<xml><?php echo 1 ?></xml>",
        b"<xml><a>\x00</a></xml>",
        b"<xml><a>\x1b[31m</a></xml>",
        b"<xml><a>&#0;</a></xml>",
        b"<xml><a>&#xD800;</a></xml>",
        b"<xml><a>\xff\xfe</a></xml>",
        "<xml><a>红</a></xml>".encode("gbk"),
        '<?xml version="1.0" encoding="GBK"?><xml><a>红</a></xml>'.encode(),
        b'<?xml version="1.0" encoding="UTF-7"?><xml><a>1</a></xml>',
        "<xml><a>1</a></xml>".encode("utf-16"),
        b"<xml>" + b"<a>" * 100 + b"</a>" * 100 + b"</xml>",
        b"<xml><List>" + b"".join(b"<item>1</item>" for _ in range(3_000)) + b"</List></xml>",
        b"<xml><a>" + b"x" * 70_000 + b"</a></xml>",
        b"<" + b"x" * 100 + b"></" + b"x" * 100 + b">",
    ],
)
def test_anything_unusual_is_one_clean_refusal_F11_S16(body: Any) -> None:
    with pytest.raises(BadXml):
        parse(body)


@given(st.text("]]>>[!&;#x1\x00\x01\x1d\x1f\ufffe a红", max_size=40))
def test_what_a_person_wrote_is_read_as_it_was_copied_but_for_what_xml_cannot_hold(text: str) -> None:
    raw = f"<xml><Content><![CDATA[{text}]]></Content><MsgId>7</MsgId></xml>".encode()
    seen = "".join(letter for letter in text if letter >= " " and letter != "\ufffe")
    assert xml.parse_message(raw) == {"Content": seen, "MsgId": "7"}


@pytest.mark.parametrize(
    ("inner", "fields"),
    [
        ("<a>1</a><a>2</a><a>3</a><b>4</b>", {"a": ["1", "2", "3"], "b": "4"}),
        ("<a><i>1</i><i>2</i></a><c/>", {"a": {"i": ["1", "2"]}, "c": ""}),
        ("<a b='c'>1</a>", {"a": "1"}),
        ("<a>x<b>1</b>y</a>z", {"a": {"b": "1"}}),
        ("<a>x&#27;&#x1;y&#0;&#xD800;&#65;</a>", {"a": "xyA"}),
        ("<a>\x1dx\x10</a>", {"a": "x"}),
        ("<a>https://x/?a=1&b=2&amp;c</a>", {"a": "https://x/?a=1&b=2&c"}),
        ("<a>]]></a>", {"a": "]]>"}),
        ("<a><![CDATA[&#27;&b]]>]]></a>", {"a": "&#27;&b]]>"}),
        ("<a><![CDATA[x]]>\n<![CDATA[\x1dy]]></a>", {"a": "x\ny"}),
    ],
)
def test_shapes_that_our_parser_does_not_expect_are_read_where_they_are_certain(inner: str, fields: Any) -> None:
    raw = f"\n<xml>{inner}</xml>".encode()
    with pytest.raises(BadXml):
        parse(raw)
    assert xml.parse_message(raw) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html><body>502</body></html>",
        b"<xml>text</xml>",
        b"<xml><a>1</a>",
        b"<xml><a><![CDATA[x</a></xml>",
        b"<xml><a><![CDATA[x]]></b></a></xml>",
        b"<xml><a><![CDATA[x]]></a></xml><xml/>",
        b"<xml><a>1</a></xml>]]></a></xml>",
        b"<xml><a>1<!-- --></a></xml>",
        b"<xml><a>&undefined;</a></xml>",
        b"<xml>" + b"<a>" * 100 + b"</a>" * 100 + b"</xml>",
        b"<xml>" + b"<a/>" * 3_000 + b"</xml>",
        b"<![CDATA[" * 7_000,
        b"<a" * 30_000,
    ],
)
def test_what_is_not_certain_is_not_read(body: bytes) -> None:
    with pytest.raises(BadXml) as caught:
        xml.parse_message(body)
    assert not isinstance(caught.value, xml.ForbiddenXml)


@pytest.mark.parametrize(
    "document",
    [
        *ENTITY_ATTACKS[:6],
        "<xml><a><![CDATA[\x1d]]></a></xml><!DOCTYPE x>",
        "<!DOCTYPE x><xml><a><![CDATA[\x1d]]></a></xml>",
        '<?xml version="1.0" encoding="GBK"?><xml><a>\x1d</a></xml>',
    ],
)
def test_a_dtd_and_another_encoding_are_forbidden_beside_any_character_S11(document: str) -> None:
    with pytest.raises(BadXml) as caught:
        xml.parse_message(document.encode())
    assert isinstance(caught.value, xml.ForbiddenXml) or document.index("<xml>") < document.index("<!DOCTYPE")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(xml.ForbiddenXml):
            xml.parse_message(document.encode(encoding))


@given(st.text("<>/!?&;[]CDATAxmlab\"'= -#0\n\x1d", max_size=120))
def test_noise_in_a_message_raises_bad_xml_or_nothing_F11(text: str) -> None:
    for raw in (f"<xml>{text}</xml>", f"<xml><a><![CDATA[{text}]]></a></xml>"):
        with contextlib.suppress(BadXml):
            xml.parse_message(raw.encode())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_known_lists_are_lists_whatever_their_length(count: int) -> None:
    rows = "".join(f"<AroundBeacon><Major>{n}</Major></AroundBeacon>" for n in range(count))
    fields = parse(f"<xml><AroundBeacons>{rows}</AroundBeacons></xml>".encode())
    assert [row["Major"] for row in xml.rows_of(fields, "AroundBeacons", "AroundBeacon")] == [
        str(n) for n in range(count)
    ]


def test_a_byte_order_mark_and_a_declaration_are_fine() -> None:
    assert parse(b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n <a>1</a>\n</xml>\n') == {"a": "1"}


@given(st.binary(max_size=300))
def test_random_bytes_raise_bad_xml_or_nothing_F11(body: Any) -> None:
    with contextlib.suppress(BadXml):
        parse(body)


@given(st.text("<>/!?&;[]CDATAxmlab\"'= -#0\n", max_size=120))
def test_xml_like_noise_raises_bad_xml_or_nothing_F11(text: str) -> None:
    with contextlib.suppress(BadXml):
        parse(f"<xml>{text}</xml>".encode())


PIECES = st.sampled_from(
    [
        *("<xml>", "</xml>", "<A>", "</A>", "<B>", "</B>", "<A/>", "<item>", "</item>", "<a-b>", "</a-b>", "<A x='1'>"),
        *("<![CDATA[", "]]>", "]]", "]", "&amp;", "&", "<", ">", "<!--", "<!DOCTYPE xml>", "<?xml version='1.0'?>"),
        *(" ", "\n", "\r", "\t", "\x00", "\x0b", "\x85", "\u2028", "\ufffe", "\ufeff", "你好", "🎁", "7"),
    ]
)
FIELD_TEXT = st.text(max_size=20) | st.lists(PIECES, max_size=4).map("".join)
FIELD = st.builds(
    "{0}<{1}>{2}</{1}>".format,
    st.sampled_from(["", "\n", " ", "x", "\r\n"]),
    st.sampled_from(["A", "B", "Content", "item", "AroundBeacon", "xml", "a.b", "名"]),
    FIELD_TEXT | FIELD_TEXT.map("<![CDATA[{}]]>".format),
)
DOCUMENT = st.lists(PIECES, max_size=12).map("".join) | st.builds(
    "{}<xml>{}{}</xml>{}".format,
    st.sampled_from(["", "", " ", "\ufeff"]),
    st.lists(FIELD, max_size=5).map("".join),
    st.sampled_from(["", "\n", "x", "\r"]),
    st.sampled_from(["", "\n", "x", " \x00"]),
)


@given(DOCUMENT)
@many()
def test_what_the_quick_reader_reads_the_parser_reads_the_same_S16(document: str) -> None:
    quick = xml._flat(document)
    if quick is not None:
        assert xml._grown(xml._Tree("xml"), document) == quick


@pytest.mark.parametrize("inside", ["{}", "<![CDATA[{}]]>", "<![CDATA[]{}]]>", "{}<![CDATA[a]]>"])
def test_no_character_reads_otherwise_when_it_is_read_quickly_S16(inside: str) -> None:
    for code in (*range(0x300), 0x2028, 0x3000, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F381):
        text = inside.format(f"a{chr(code)}b")
        for document in (f"<xml><A>{text}</A></xml>", f"<xml>{chr(code)}<A>1</A>{chr(code)}</xml>{chr(code)}"):
            quick = xml._flat(document)
            if quick is not None:
                assert xml._grown(xml._Tree("xml"), document) == quick, hex(code)


def test_the_messages_of_wechat_are_read_quickly() -> None:
    """Else the test above holds nothing to anything."""
    text = b"<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<CreateTime>1348831860</CreateTime><A></A><B><![CDATA[a & b <c>]]></B></xml>\n"
    assert xml._flat(text.decode()) == {"ToUserName": "gh_1", "CreateTime": "1348831860", "A": "", "B": "a & b <c>"}
    assert xml._flat("<xml><A>1</A><A>2</A></xml>") is None and xml._flat("<xml><item>1</item></xml>") is None
