"""A Diagnosis for its readers: a page, a picture, a terminal, another program."""

from trainability.doctor.report import html as html
from trainability.doctor.report import json as json
from trainability.doctor.report import picture as picture
from trainability.doctor.report import sarif as sarif
from trainability.doctor.report import terminal as terminal

__all__ = ["html", "json", "picture", "sarif", "terminal"]
