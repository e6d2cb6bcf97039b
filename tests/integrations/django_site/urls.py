"""The site: the contract's routes, the admin, and pages that use Django's other parts."""

from django.contrib import admin
from django.urls import path

from tests.contract.integrations import django as contract
from tests.integrations.django_site import views

handler500 = contract.answer_error

urlpatterns = [
    *contract.urlpatterns,
    path("admin/", admin.site.urls),
    path("form", views.form),
    path("messages", views.messages),
    path("remember", views.remember),
    path("who", views.who),
    path("who-async", views.who_async),
    path("login-async", views.login_async),
    path("logout-async", views.logout_async),
]
