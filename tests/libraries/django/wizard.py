"""An order in two steps; what the first has taken waits in the session."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.template import engines
from formtools.wizard.views import SessionWizardView

FORM = "<form method=post>{% csrf_token %}{{ wizard.management_form }}{{ wizard.form }}</form>"


class Address(forms.Form):
    """Where to."""

    street = forms.CharField()


class Goods(forms.Form):
    """What, at any length."""

    list = forms.CharField()


class Order(SessionWizardView):
    """Ask for both, and answer with what was ordered."""

    form_list = (("address", Address), ("goods", Goods), ("confirm", forms.Form))

    def render(self, form: Any = None, **kwargs: Any) -> HttpResponse:
        context = self.get_context_data(form=form or self.get_form(), **kwargs)
        return HttpResponse(engines["django"].from_string(FORM).render(context, self.request))

    def done(self, form_list: Any, **kwargs: Any) -> HttpResponse:
        data = self.get_all_cleaned_data()
        return HttpResponse(f"{len(data['list'])} letters go to {data['street']}")
