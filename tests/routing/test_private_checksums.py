"""Our control digits agree with python-stdnum, digit by digit."""

from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.pl import nip, pesel, regon

from tandem.routing.private import checksums

ELEVEN = st.text("0123456789", min_size=11, max_size=11)
TEN = st.text("0123456789", min_size=10, max_size=10)
NINE = st.text("0123456789", min_size=9, max_size=9)


@given(ELEVEN)
def test_a_pesel_is_what_the_register_says(digits: str) -> None:
    body = digits[:10]
    whole = body + pesel.calc_check_digit(body)
    assert checksums.is_pesel(digits) == _is_pesel(digits)
    assert checksums.is_pesel(whole) == _is_pesel(whole)


def _is_pesel(digits: str) -> bool:
    """The register's arithmetic and the calendar; the library also refuses people not born yet, which needs a clock."""
    if pesel.calc_check_digit(digits[:10]) != digits[10]:
        return False
    century = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}[int(digits[2:4]) // 20 * 20]
    return checksums.is_day(century + int(digits[:2]), int(digits[2:4]) % 20, int(digits[4:6]))


@given(TEN)
def test_a_nip_is_one_unless_no_office_gives_it(digits: str) -> None:
    for number in (digits, *(digits[:9] + last for last in "0123456789")):
        assert checksums.is_nip(number) == (nip.is_valid(number) and number[0] != "0" and len(set(number)) > 1)


@given(NINE)
def test_a_regon_is_what_the_register_says(digits: str) -> None:
    whole = digits[:8] + regon.calc_check_digit(digits[:8])
    for number in (digits, whole):
        assert checksums.is_regon(number) == (regon.is_valid(number) and len(set(number)) > 1)


@given(NINE, st.text("0123456789", min_size=4, max_size=4))
def test_a_local_regon_has_fourteen_digits(nine: str, four: str) -> None:
    parent = nine[:8] + regon.calc_check_digit(nine[:8])
    whole = parent + four + regon.calc_check_digit(parent + four)
    assert checksums.is_regon(whole) == regon.is_valid(whole) or len(set(parent)) == 1


@given(st.text("0123456789", min_size=12, max_size=19))
def test_luhn_is_luhn(digits: str) -> None:
    whole = digits[:-1] + luhn.calc_check_digit(digits[:-1])
    assert checksums.is_luhn(digits) == (luhn.is_valid(digits) and set(digits) != {"0"})
    assert checksums.is_luhn(whole) or set(whole) == {"0"}


@given(st.sampled_from([("PL", 24), ("DE", 18), ("ES", 20), ("LT", 16), ("AT", 16)]), st.data())
def test_an_iban_is_what_the_banks_say(country: tuple[str, int], data: st.DataObject) -> None:
    name, size = country
    body = data.draw(st.text("0123456789", min_size=size, max_size=size))
    whole = name + iban.calc_check_digits(f"{name}00{body}") + body
    assert checksums.is_iban(whole)
    assert not checksums.is_iban(whole[:-1] + str((int(whole[-1]) + 1) % 10))
    assert not checksums.is_iban(whole + "0")


def test_known_documents_pass_and_their_neighbours_do_not() -> None:
    assert not checksums.is_id_card("ABA300001")
    assert checksums.is_id_card("ABA300000")
    assert checksums.is_passport("ZS0000177")
    assert not checksums.is_passport("ZS0000178")
