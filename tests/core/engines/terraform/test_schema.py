"""Which part of what a provider says of its types one root is told."""

import pytest

from mcop_core.engines.terraform.schema import ProviderSchema, words_in


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def field(number: int, value: bytes | int) -> bytes:
    """A field of a message of Protocol Buffers."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def of_type(number: int, name: str, schema: bytes) -> bytes:
    return field(number, field(1, name.encode()) + field(2, schema))


PROVIDER = field(1, b"the provider's own" * 100)
TOPIC = of_type(2, "aws_sns_topic", b"topic")
TOPIC_READ = of_type(3, "aws_sns_topic", b"reading a topic")
QUEUE = of_type(2, "aws_sqs_queue", b"queue")
CALLER = of_type(3, "aws_caller_identity", b"caller")
DIAGNOSTIC = field(4, b"a warning")
CAPABILITIES = field(6, field(1, 1))
FUNCTION = of_type(7, "arn_parse", b"function")
SECRET = of_type(8, "aws_secret", b"ephemeral")
NEWER = field(4000, 300)
GENERAL = (PROVIDER, DIAGNOSTIC, CAPABILITIES, FUNCTION, SECRET, NEWER)
ANSWER = b"".join((PROVIDER, TOPIC, QUEUE, TOPIC_READ, DIAGNOSTIC, CALLER, CAPABILITIES, FUNCTION, SECRET, NEWER))


def fields_of(answer: bytes) -> list[bytes]:
    parts = (*GENERAL, TOPIC, TOPIC_READ, QUEUE, CALLER)
    found = [part for part in parts if part in answer]
    assert len(answer) == sum(map(len, found))
    return found


@pytest.mark.parametrize(
    ("names", "types"),
    [
        ({b"aws_sns_topic"}, [TOPIC, TOPIC_READ]),
        ({b"aws_sqs_queue", b"aws_caller_identity", b"other"}, [QUEUE, CALLER]),
        ({b"aws_sns", b"sns_topic"}, []),
        (set(), []),
    ],
    ids=["resource and data source of one name", "one each", "no parts of names", "none"],
)
def test_types_are_told_by_their_whole_names_and_all_else_always(names, types):
    assert [*GENERAL, *types] == fields_of(ProviderSchema.parse(ANSWER).of(names))


def test_the_whole_answer_has_every_field():
    assert [*GENERAL, TOPIC, TOPIC_READ, QUEUE, CALLER] == fields_of(ProviderSchema.parse(ANSWER).whole)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        ANSWER[:-1],
        ANSWER[: len(PROVIDER) - 5],
        b"\xff" * 40,
        field(2, b""),
        field(2, field(2, b"no name")),
        field(2, 7),
        b"\x0b" + ANSWER,
    ],
    ids=["empty", "cut off", "cut off in a text", "noise", "no entry", "no name", "a number", "a group"],
)
def test_what_is_no_such_message_is_passed_on_as_it_came(answer):
    parsed = ProviderSchema.parse(answer)

    assert answer == parsed.whole == parsed.of(set())


OPTIONAL = field(6, field(1, 1) + field(2, 1))


@pytest.mark.parametrize(
    ("answer", "is_optional"),
    [
        (PROVIDER + OPTIONAL + TOPIC, True),
        (PROVIDER + TOPIC, False),
        (PROVIDER + CAPABILITIES + TOPIC, False),
        (PROVIDER + field(6, field(1, 1) + field(2, 0)) + TOPIC, False),
        (PROVIDER + OPTIONAL + TOPIC + DIAGNOSTIC, False),
        (PROVIDER + field(6, b"\xff") + TOPIC, False),
        ((PROVIDER + TOPIC + OPTIONAL)[:-1], False),
    ],
    ids=["said", "says nothing", "says another thing", "denied", "with a warning", "noise", "cut off"],
)
def test_a_provider_may_say_that_it_need_not_be_asked(answer, is_optional):
    assert is_optional is ProviderSchema.parse(answer).is_optional


def test_a_field_of_fixed_size_is_passed_over():
    numbers = varint(5 << 3 | 1) + b"12345678" + varint(9 << 3 | 5) + b"1234"

    assert numbers + PROVIDER == ProviderSchema.parse(numbers + TOPIC + PROVIDER).of(set())


CONFIGURATION = b'resource "aws_sns_topic" "this" {\n  name = aws_sqs_queue.x.name\n}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFIGURATION, {b"aws_sns_topic", b"aws_sqs_queue"}),
        (b'{"resource":{"aws_sns_topic":{"this":{"name":"x"}}}}', {b"aws_sns_topic"}),
        (b"moved {\n  from = module.a.aws_sns_topic.old\n  to = aws_sqs_queue.new\n}", {b"aws_sns_topic"}),
        (b'import {\n  to = module.a["x"].aws_sns_topic.this\n}', {b"aws_sns_topic"}),
        (b'resource aws_sns_topic this {}\ndata "aws_sqs_queue" "that" {}', {b"aws_sns_topic", b"aws_sqs_queue"}),
        ('x = "ü" # aws_sns_topic'.encode(), {b"aws_sns_topic"}),
        (b'{"name": "f\\u00fcr"}', {b"name"}),
        (b'{"policy": "a \\n b"}', {b"policy"}),
    ],
    ids=["HCL", "JSON", "moved", "import", "without quotes", "UTF-8", "an escaped letter", "other escapes"],
)
def test_a_type_is_known_by_its_word_wherever_it_stands(text, words):
    assert words <= words_in([text], [])


def test_what_a_state_alone_holds_is_known_too():
    """What was taken out of the configuration is to be destroyed."""
    assert b"aws_sns_topic" in words_in([], [b'{"resources": [{"mode": "managed", "type": "aws_sns_topic"}]}'])


@pytest.mark.parametrize(
    "text",
    [
        b'resource "aws_\\u0073ns_topic" "this" {}',
        b'resource "\\U00000061ws_sns_topic" "this" {}',
        b'{"resource": {"aws\\u005Fsns_topic": {}}}',
        b'{"resource": {"aws_s\\u0033_bucket": {}}}',
    ],
    ids=["HCL", "eight digits", "JSON", "a digit"],
)
def test_where_a_name_may_be_written_in_another_way_everything_is_told(text):
    assert words_in([CONFIGURATION, text], []) is None


def test_a_state_is_written_by_terraform_which_escapes_no_letter_of_a_name():
    assert b"aws_sns_topic" in words_in([], [b'{"type": "aws_sns_topic", "policy": "\\u003cthis\\u003e \\u0041"}'])
