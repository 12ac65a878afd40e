"""An export, uploaded again, changes nothing: whatever contacts are like."""

import string
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import exporting, profiles, writing
from audience.models import Contact, ContactDate, KnownProperty, OptChange
from lib.csv_files import plain
from lib.phone_masking import WHOLE
from lib.sheets import harmless, write_csv
from tests.audience.conftest import counts, taken_over

pytestmark = pytest.mark.django_db

marks = st.sampled_from("'=+-@,;\"\n\té0719.:/[]{}$D_TZ ")
letters = marks | st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(letters, min_size=1, max_size=12)
dates = st.dates().map(str)
moments = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
numbers = st.one_of(
    st.integers(-(2**62), 2**62),
    st.decimals(-(10**9), 10**9, places=2),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
lists = st.lists(texts | st.integers(-999, 999) | st.booleans(), max_size=3)
values = st.one_of(texts, dates, moments, numbers, st.booleans(), lists, st.just("'=1+1"), st.just("007"))
names = st.one_of(
    st.sampled_from(["City", "Mobile", "Upload name", "userid", "'=sum", "a;b"]),
    st.text(string.ascii_letters + " =-'", min_size=1, max_size=8),
)
people = st.fixed_dictionaries(
    {"MSG-whatsapp": st.booleans(), "MSG-dndWhatsApp": st.booleans()},
    optional={
        "Name": texts,
        "Email": st.sampled_from(["ann@shop.example", "+a=b@c.example"]),
        "Phone": st.sampled_from(["+919812300001", "+14155551234", "+390612345678", "+5215511112222"]),
        "Gender": st.sampled_from("MF"),
    },
)


def kept() -> list[dict[str, Any]]:
    return list(Contact.objects.order_by("pk").values())


@settings(max_examples=30)
@given(st.lists(st.tuples(texts, people, st.dictionaries(names, values, max_size=4)), min_size=1, max_size=5))
def test_an_export_uploaded_again_changes_nothing(told: list[tuple[str, Any, Any]]) -> None:
    for model in (Contact, KnownProperty, OptChange):
        model.objects.all().delete()
    for identity, fields, attributes in told:
        try:
            record = {"identity": identity, "profileData": attributes | fields}
            profile = profiles.read_profile(record)
        except profiles.Invalid:
            continue  # nobody keeps that
        writing.write([profile], writing.Source(OptChange.Why.API), timezone.now())
    before, types = kept(), list(KnownProperty.objects.order_by("pk").values())
    dates = sorted(ContactDate.objects.values_list("contact", "name", "at", "whole_day"))
    if not before:
        return
    done = taken_over("".join(write_csv(exporting.contacts(Contact.objects.all(), WHOLE))))
    assert (counts(done), done.warned) == ((0, 0, len(before), 0), 0), list(done.errors.values())
    assert kept() == before
    assert list(KnownProperty.objects.order_by("pk").values()) == types
    assert sorted(ContactDate.objects.values_list("contact", "name", "at", "whole_day")) == dates


@given(texts.map(str.strip))
def test_a_cell_survives_the_apostrophe(text: str) -> None:
    assert plain(str(harmless(text))) == text


def test_a_text_that_begins_with_an_apostrophe_survives() -> None:
    profile = profiles.read_profile({"identity": "ann", "profileData": {"Note": "'=1+1"}})
    writing.write([profile], writing.Source(OptChange.Why.API), timezone.now())
    file = "".join(write_csv(exporting.contacts(Contact.objects.all(), WHOLE)))
    assert "''=1+1" in file
    assert counts(taken_over(file)) == (0, 0, 1, 0)
    assert Contact.objects.get().attributes == {"Note": "'=1+1"}
