"""What people fill in about incidents and acceptance."""

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

HOURS = ((1, "one hour"), (4, "four hours"), (12, "twelve hours"), (24, "a day"), (168, "a week"))


class SilenceForm(forms.Form):
    hours = forms.TypedChoiceField(label="For", choices=HOURS, coerce=float, widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text="Shown to everybody who looks at the incident.",
    )


class AcceptanceForm(forms.Form):
    to = forms.CharField(
        label="Test number",
        required=False,
        max_length=20,
        widget=UnfoldAdminTextInputWidget,
        help_text="With its country code; empty for the simulator.",
    )
    folder = forms.URLField(
        label="Folder with media",
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
        help_text="The URL of a folder with picture.png, film.mp4, sound.mp3 and paper.pdf, open to the BSP.",
    )

    def clean_to(self) -> str:
        return "".join(filter(str.isdigit, self.cleaned_data["to"]))
