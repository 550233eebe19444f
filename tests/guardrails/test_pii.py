"""Personal data: what must be found, in whatever layout, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.checksums import is_card, is_cnpj, is_cpf, is_iban, is_inn, is_snils, is_ssn
from guardrails.phones import is_international
from guardrails.pii import KINDS, find_pii, mask_pii

MASKED = [
    ("Write to alice.b+news@mail.example.co.uk today.", "Write to [e-mail] today."),
    ("mailto:bob@example.com, alice@a.example/bob@b.example", "mailto:[e-mail], [e-mail]/[e-mail]"),
    ("почта: мария@пример.рф", "почта: [e-mail]"),
    ("-bob_7@example.com.", "-[e-mail]."),
    ("call +7 (912) 345-67-89 now", "call [phone] now"),
    ("+79123456789", "[phone]"),
    ("8 (912) 345-67-89 или 8-912-345-67-89", "[phone] или [phone]"),
    ("+55 (11) 98765-4321", "[phone]"),
    ("(11) 98765-4321 ou 11 98765-4321", "[phone] ou [phone]"),
    ("+1 415-555-2671 2026", "[phone] 2026"),
    ("(415) 555-2671, 415.555.2671", "[phone], [phone]"),
    ("+44 20 7946 0958", "[phone]"),
    ("+380 44 123 4567", "[phone]"),
    ("telefone: 11987654321", "telefone: [phone]"),
    ("тел. 9123456789", "тел. [phone]"),
    ("card 4111 1111 1111 1111 please", "card [card ...1111] please"),
    ("4111-1111-1111-1111", "[card ...1111]"),
    ("4111111111111111,5555555555554444", "[card ...1111],[card ...4444]"),
    ("3782 822463 10005", "[card ...0005]"),
    ("2200 7001 2345 6781", "[card ...6781]"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card ...1111]"),
    ("1234 4111 1111 1111 1111", "1234 [card ...1111]"),
    ("paid on 2026-11-20 4111 1111 1111 1111", "paid on 2026-11-20 [card ...1111]"),
    ("CPF 529.982.247-25", "CPF [CPF]"),
    ("cpf: 52998224725", "cpf: [CPF]"),
    ("11.222.333/0001-81", "[CNPJ]"),
    ("12.ABC.345/01DE-35", "[CNPJ]"),
    ("CNPJ 11222333000181", "CNPJ [CNPJ]"),
    ("DE89 3704 0044 0532 0130 00 and more", "[IBAN ...3000] and more"),
    ("GB29NWBK60161331926819", "[IBAN ...6819]"),
    ("BE68 5390 0754 7034 from here on", "[IBAN ...7034] from here on"),
    ("br15 0000 0000 0000 1093 2840 814p 2", "[IBAN ...14p2]"),
    ("SSN 123-45-6789", "SSN [SSN]"),
    ("social security no 123456789", "social security no [SSN]"),
    ("112-233-445 95", "[SNILS]"),
    ("СНИЛС 11223344595", "СНИЛС [SNILS]"),
    ("ИНН 500100732259", "ИНН [INN]"),
    ("паспорт 45 09 123456", "паспорт [passport]"),
    ("паспорт серия 4509 № 123456", "паспорт серия [passport]"),
]
UNTOUCHED = [
    "Order 4111111111111112 was shipped, order number 1234567890123456.",
    "2026-11-20 15:03:22.123456 +0300 INFO 20261120150322 worker[12345] took 1700000000123 ms",
    "1700000000 1700000000000 1700000000000000 1700000000000000000",
    "version 1.2.3.4, python 3.11.7, 10.0.19041.1, v2.48.1-rc.1",
    "550e8400-e29b-41d4-a716-446655440000 and 12345678-1234-1234-1234-123456789012",
    "commit 4111111111111111a0b1c2d3 sha256:41111111111111110000000000000000",
    "127.0.0.1:8080 192.168.10.20 fe80::1",
    "git clone git@github.com:owner/repo.git and pip install name@1.2.3 icon@2x.png clawsite@bots.service",
    "@alice wrote to @bob; @app.route('/x')",
    "12 345 678 people, R$ 1.234.567,89, 1 000 000 000 рублей, $12,345,678.90",
    "+1 from me, +100500, UTC+03:00, +20261120 lines, diff +12345678",
    "CPF 111.111.111-11 and 529.982.247-26, CNPJ 11.222.333/0001-82",
    "000-12-3456 666-12-3456 900-12-3456 123-00-4567",
    "ИНН 500100732258, СНИЛС 112-233-445 96",
    "DE89 3704 0044 0532 0130 01, GB00 NWBK 6016 1331 9268 19, AB12 CDEF 3456",
    "call 20261120150322, phone model SM-1234567890123, telephone in 2026-11-20 15",
    "ticket 123-456-789, part 12-3456-7890, isbn 978-3-16-148410-0",
    "0.4111111111111111 and 3.14159265358979",
    "[2026-11-20 15:03:22] GET /orders/52998224725/items?id=11222333000181 200 4111",
    "pid=4111 uid=1111 tid=1111 chat -1001234567890 update 987654321",
    "INN is a word, phone is another, passport too",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_personal_data_is_masked_by_its_kind(text: str, masked: str) -> None:
    assert mask_pii(text) == masked


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert mask_pii(text) == text


@pytest.mark.parametrize("text", [text for _, text in MASKED])
def test_masked_text_holds_nothing_to_mask(text: str) -> None:
    assert mask_pii(text) == text


def test_kinds_can_be_chosen() -> None:
    text = "alice@example.com from 93.184.216.34"
    assert mask_pii(text, kinds={"ip"}) == "alice@example.com from [IP address]"
    assert "ip" not in KINDS


def test_a_hit_begins_with_the_word_that_tells() -> None:
    (hit,) = find_pii("my CPF is 52998224725")
    assert (hit.kind, hit.lead, hit.start) == ("cpf", 3, 10)


@given(st.text(alphabet="0123456789 .-+()@aA/", max_size=300))
def test_masking_is_stable(text: str) -> None:
    assert mask_pii(mask_pii(text)) == mask_pii(text)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (is_card, "4111111111111111"), (is_card, "378282246310005"), (is_iban, "DE89370400440532013000"),
        (is_cpf, "52998224725"), (is_cnpj, "11222333000181"), (is_cnpj, "12ABC34501DE35"), (is_snils, "11223344595"),
        (is_inn, "7707083893"), (is_inn, "500100732259"),
    ],
)  # fmt: skip
def test_check_digits_catch_every_wrong_digit(check, good: str) -> None:  # type: ignore[no-untyped-def]
    assert check(good)
    for at, digit in enumerate(good):
        if digit.isdecimal():
            wrong = good[:at] + str((int(digit) + 1) % 10) + good[at + 1 :]
            assert not check(wrong), wrong


def test_numbers_that_no_office_gives_out() -> None:
    assert is_ssn("123456789")
    assert not any(is_ssn(number) for number in ("000123456", "666123456", "900123456", "123004567", "123450000"))
    assert not is_cpf("00000000000")
    assert not is_inn("0000000000")


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("79123456789", True), ("7912345678", False), ("71234567890", False), ("5511987654321", True),
        ("551134567890", True), ("5501987654321", False), ("14155552671", True), ("11155552671", False),
        ("442079460958", True), ("4912345", False), ("380441234567", True), ("999123456789", False),
    ],
)  # fmt: skip
def test_phone_numbers_follow_the_plan_of_their_country(number: str, fits: bool) -> None:
    assert is_international(number) is fits
