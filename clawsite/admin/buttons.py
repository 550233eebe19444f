"""Buttons on the admin's pages: each one is a POST to an address of its own and calls an action of a lower layer.

Invariant: nothing is changed by a GET, and whoever may not press a button neither sees it nor can call its address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from clawsite.core.errors import ClawError

F = TypeVar("F", bound=Callable[..., str])


@dataclass(frozen=True, kw_only=True)
class Button:
    """What a button says, who may press it (a Django permission), and when it is shown.

    choices: (name, options) of a select beside it. confirm: a question that is asked on a page of its own first.
    in_list: it also stands in each row of the list, as `list_label` when that is given. seen: what of the row the page
    showed; it comes back as the parameter `seen`, so that an action can refuse what changed since.
    """

    name: str
    label: str | Promise
    permission: str
    style: str = "plain"
    shown: Callable[[Any], bool] = lambda row: True
    choices: tuple[str, Sequence[tuple[str, Any]]] | None = None
    confirm: str | Promise = ""
    in_list: bool = False
    list_label: str | Promise = ""
    seen: Callable[[Any], str] | None = None


def button(label: str | Promise, *, permission: str, **options: Any) -> Callable[[F], F]:
    """Make a method `(request, row) -> str` of an admin a button; the text it returns is shown."""

    def mark(method: F) -> F:
        method.button = Button(name=method.__name__, label=label, permission=permission, **options)  # type: ignore[attr-defined]
        return method

    return mark


class ButtonAdmin(ModelAdmin):
    """An admin whose methods may be buttons."""

    change_form_outer_before_template = "admin/buttons.html"

    @property
    def buttons(self) -> list[Button]:
        """All buttons of this admin, in the order in which they were written."""
        found = {name: vars(kind)[name] for kind in reversed(type(self).__mro__) for name in vars(kind)}
        return [method.button for method in found.values() if hasattr(method, "button")]

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the buttons."""
        press = self.admin_site.admin_view(require_POST(self.press))
        return [path("<path:object_id>/do/<slug:name>/", press, name=self._press_name), *super().get_urls()]

    @property
    def _press_name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}_press"

    def press(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Do what a button says and go back to where it stood."""
        found = next((each for each in self.buttons if each.name == name), None)
        row = self.get_object(request, unquote(object_id))
        if found is None or row is None:
            raise Http404
        if not self.has_view_permission(request, row) or not request.user.has_perm(found.permission):
            raise PermissionDenied
        if found.confirm and "confirmed" not in request.POST:
            return self._ask(request, row, found)
        self._do(request, row, found)
        return redirect(self._back(request, row))

    def _do(self, request: HttpRequest, row: Any, found: Button) -> None:
        try:
            messages.success(request, getattr(self, found.name)(request, row))
        except ClawError as error:
            messages.error(request, error.message)

    def _ask(self, request: HttpRequest, row: Any, found: Button) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": found.label,
            "opts": self.model._meta,
            "original": row,
            "button": found,
            "back": self._back(request, row),
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def _back(self, request: HttpRequest, row: Any) -> str:
        names = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}"
        exists = self.model._default_manager.filter(pk=row.pk).exists() if row.pk is not None else False
        if request.GET.get("back") == "list" or not exists:
            return reverse(f"{names}_changelist")
        return reverse(f"{names}_change", args=[quote(row.pk)])

    def _url(self, row: Any, each: Button) -> str:
        url = reverse(f"admin:{self._press_name}", args=[quote(row.pk), each.name])
        return f"{url}?{urlencode({'seen': each.seen(row)})}" if each.seen else url

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page its buttons."""
        row = kwargs.get("obj")
        if row is not None:
            may = [each for each in self.buttons if request.user.has_perm(each.permission) and each.shown(row)]
            context["page_buttons"] = [(each, self._url(row, each)) for each in may]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Add a column of buttons for those who may press them."""
        columns = super().get_list_display(request)
        may = any(each.in_list and request.user.has_perm(each.permission) for each in self.buttons)
        return (*columns, "row_buttons") if may else columns

    def row_buttons(self, row: Any) -> SafeString:
        """Return the buttons of one row; they post the list's own form, which carries the CSRF token."""
        own = [each for each in self.buttons if each.in_list and each.shown(row)]
        cells = ((each.style, f"{self._url(row, each)}?back=list", each.list_label or each.label) for each in own)
        made = '<button type="submit" class="claw-button claw-{}" formaction="{}">{}</button>'
        return format_html('<span class="claw-row-buttons">{}</span>', format_html_join("", made, cells))

    row_buttons.short_description = ""  # type: ignore[attr-defined]
