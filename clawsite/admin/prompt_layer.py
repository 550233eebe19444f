"""The eight layers of the prompt, with their size in tokens counted while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.buttons import button
from sessions_app.models import PromptLayer
from sessions_app.prompts.editing import find_default, reset_layer
from sessions_app.prompts.layers import CORE, forget_cached
from sessions_app.tokens import estimate

PERMISSION = "sessions_app.change_promptlayer"
MOST_CHARS = 100_000


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[PromptLayer]
else:
    _ModelForm = forms.ModelForm


class LayerForm(_ModelForm):
    """The text in a wide field; the core layer stays on."""

    class Meta:
        """What may be edited."""

        model = PromptLayer
        fields = ("title", "text", "budget", "priority", "enabled")
        widgets = {
            "text": UnfoldAdminTextareaWidget(
                attrs={"rows": 16, "class": "claw-wide claw-mono", "data-estimate": "", "maxlength": MOST_CHARS}
            )
        }

    def clean_enabled(self) -> bool:
        """Refuse to switch the core layer off."""
        enabled = bool(self.cleaned_data["enabled"])
        if self.instance.key == CORE and not enabled:
            raise forms.ValidationError(_("The core rules cannot be switched off."))
        return enabled


@admin.register(PromptLayer)
class PromptLayerAdmin(SettingAdmin):
    """Layers are edited; there are always eight."""

    form = LayerForm
    list_display = ("title", "key", "priority", "tokens", "enabled")
    ordering = ("priority",)
    fieldsets = (
        (None, {"fields": ("title", "text")}),
        (gettext_lazy("Place in the prompt"), {"fields": (("budget", "priority"), "enabled")}),
    )
    change_form_before_template = "admin/layer_size.html"

    class Media:
        """Counts tokens while one types."""

        js = ("clawadmin/layer.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the counter."""
        count = self.admin_site.admin_view(require_POST(self.count))
        return [path("count/", count, name="sessions_app_promptlayer_count"), *super().get_urls()]

    def count(self, request: HttpRequest) -> HttpResponse:
        """Answer with the estimated tokens of a text."""
        if not self.has_view_permission(request):
            return JsonResponse({}, status=403)
        return JsonResponse({"tokens": estimate(request.POST.get("text", "")[:MOST_CHARS])})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page the size at hand."""
        row = kwargs.get("obj")
        if row is not None:
            context["size"] = {
                "tokens": estimate(row.text),
                "budget": row.budget,
                "url": reverse("admin:sessions_app_promptlayer_count"),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: PromptLayer, form: Any, change: bool) -> None:
        """Store the layer; the next prompt of this process reads it, others within seconds."""
        super().save_model(request, obj, form, change)
        transaction.on_commit(forget_cached)

    @display(description=gettext_lazy("tokens"))
    def tokens(self, row: PromptLayer) -> SafeString:
        """The estimated size against the budget, as a bar."""
        used = estimate(row.text)
        share = min(100, round(100 * used / row.budget)) if row.budget else 100
        state = "over" if used > row.budget else "fine"
        bar = '<span class="claw-meter" data-state="{}"><progress max="100" value="{}"></progress>{} / {}</span>'
        return format_html(bar, state, share, used, row.budget)

    @button(
        gettext_lazy("Back to the original text"),
        permission=PERMISSION,
        shown=lambda row: (default := find_default(row.key)) is not None and row.text != default.text,
        confirm=gettext_lazy("The text and the budget of this layer will be what they were at first."),
    )
    def reset(self, request: HttpRequest, row: PromptLayer) -> str:
        """Give the layer the text it ships with."""
        reset_layer(row, actor=actor_of(request), origin=origin_of(request))
        return _("The layer is as it was at first.")
