"""The model's place in the admin."""

from django.contrib import admin

from tests.integrations.django_site.models import Note

admin.site.register(Note)
