"""Check digits of cards, bank accounts and national numbers. What fails them is some other number.

All functions take the bare digits (or letters) without separators and return whether they can be real.
"""

from __future__ import annotations

from collections.abc import Iterable

# Length of an IBAN by country, from the registry of SWIFT.
IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
        32: "LC", 33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip
_CARD_PREFIXES = {
    14: ("300", "301", "302", "303", "304", "305", "36", "38", "39"),
    15: ("34", "37"),
    16: ("4", "51", "52", "53", "54", "55", "2221", "2222", "2223", "2224", "2225", "2226", "2227", "2228", "2229",
         "223", "224", "225", "226", "227", "228", "229", "23", "24", "25", "26", "270", "271", "2720", "2200", "2201",
         "2202", "2203", "2204", "2205", "6011", "644", "645", "646", "647", "648", "649", "65", "62", "81", "3528",
         "3529", "353", "354", "355", "356", "357", "358", "5018", "5020", "5038", "5041", "5066", "5067", "509",
         "5893", "606282", "6304", "6362", "6363", "6759", "676"),
    19: ("62", "4", "2200", "2201", "2202", "2203", "2204"),
}  # fmt: skip


def _digits(text: str) -> list[int]:
    return [int(char) for char in text]


def _weighted(values: Iterable[int], weights: Iterable[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=False))


def is_card(number: str) -> bool:
    """Tell whether digits are a payment card: prefix and length of a known network, and Luhn's check digit."""
    if not number.startswith(_CARD_PREFIXES.get(len(number), ("-",))) or len(set(number)) < 2:
        return False
    odd, even = _digits(number[-1::-2]), _digits(number[-2::-2])
    return (sum(odd) + sum(sum(divmod(2 * digit, 10)) for digit in even)) % 10 == 0


def is_iban(account: str) -> bool:
    """Tell whether upper-case letters and digits are an IBAN: length of its country, and remainder 1 modulo 97."""
    if IBAN_LENGTHS.get(account[:2]) != len(account):
        return False
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1


def is_cpf(number: str) -> bool:
    """Tell whether eleven digits are a Brazilian CPF."""
    digits = _digits(number)
    return (
        len(digits) == 11
        and len(set(digits)) > 1
        and digits[9:] == _mod11(digits, (range(10, 1, -1), range(11, 1, -1)))
    )


def is_cnpj(number: str) -> bool:
    """Tell whether fourteen characters are a Brazilian CNPJ. Since 2026 the first twelve may be letters too."""
    values = [ord(char) - 48 for char in number]
    if len(values) != 14 or len(set(values)) == 1 or not number[12:].isdecimal():
        return False
    first = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return values[12:] == _mod11(values, (first, (6, *first)))


def _mod11(values: list[int], weights: tuple[Iterable[int], Iterable[int]]) -> list[int]:
    """Both check digits of CPF and CNPJ."""
    return [0 if (rest := _weighted(values, row) % 11) < 2 else 11 - rest for row in weights]


def is_ssn(number: str) -> bool:
    """Tell whether nine digits can be a US social security number, which has ranges never given out, no check digit."""
    area = number[:3]
    return (
        len(number) == 9
        and area not in ("000", "666")
        and area < "900"
        and number[3:5] != "00"
        and number[5:] != "0000"
    )


def is_snils(number: str) -> bool:
    """Tell whether eleven digits are a Russian insurance number; numbers up to 001-001-998 carry no check digits."""
    if len(number) != 11 or number[:9] <= "001001998":
        return False
    rest = _weighted(_digits(number), range(9, 0, -1)) % 101
    return int(number[9:]) == rest % 100


def is_inn(number: str) -> bool:
    """Tell whether ten digits (of a company) or twelve (of a person) are a Russian tax number."""
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    digits = _digits(number)
    if len(set(digits)) == 1:
        return False
    ends = {10: (weights[2:],), 12: (weights[1:], weights)}.get(len(digits), ())
    found = [_weighted(digits[: len(row)], row) % 11 % 10 for row in ends]
    return bool(ends) and found == digits[-len(ends) :]
