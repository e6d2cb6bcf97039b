"""The table of what a door can't have names doors that exist, each with a reason."""

from tests.contract.all_doors import CANNOT, DOORS


def test_doors_have_names_of_their_own() -> None:
    assert len({door.name for door in DOORS}) == len(DOORS)


def test_every_exception_is_of_a_door_that_exists_and_has_a_reason() -> None:
    for reasons in CANNOT.values():
        assert reasons.keys() <= {door.name for door in DOORS}
        assert all(reasons.values())


def test_the_doors_without_an_explicit_form_are_those_that_the_table_names() -> None:
    without = {door.name for door in DOORS if door.make_explicit_app is None}
    assert without == CANNOT["explicit"].keys()
