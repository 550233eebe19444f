"""Addresses of the pages."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from clawsite.web import start
from clawsite.web.chat import files, page, uploads
from clawsite.web.first_login import first_login
from clawsite.web.login import login
from clawsite.web.second_factor import pages as second_factor

urlpatterns = [
    path("", start.start, name="start"),
    path("chat/", page.chat, name="chat"),
    path("chat/upload", uploads.upload, name="chat-upload"),
    path("chat/file/<int:pk>", files.download, name="chat-file"),
    path("favicon.ico", RedirectView.as_view(url=static("web/favicon.svg"))),
    path("language/", include("django.conf.urls.i18n")),
    path("first-login/<str:token>", first_login, name="first-login"),
    path("second-factor/", second_factor.home, name="second-factor"),
    path("second-factor/code", second_factor.code, name="second-factor-code"),
    path("second-factor/setup", second_factor.setup, name="second-factor-setup"),
    path("admin/login/", login),
    path("admin/", admin.site.urls),
]

handler400 = "clawsite.web.errors.bad_request"
handler403 = "clawsite.web.errors.forbidden"
handler404 = "clawsite.web.errors.not_found"
handler500 = "clawsite.web.errors.server_error"
