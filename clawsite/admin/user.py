"""The accounts of the admin pages. Only superusers change accounts, so nobody can promote themselves."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.core.errors import NotAllowed
from clawsite.core.models import User
from clawsite.gateway.tokens import check_tokens_again
from clawsite.web.lockout import is_locked, unlock
from clawsite.web.second_factor.factor import count_codes, has_factor, remove_factor

PERMISSION = "core.change_user"
_RESET = _("Reset the second factor? The password alone then opens the account, and all its sessions end.")


@admin.register(User)
class UserAdmin(AdminsOnly, SettingAdmin, DjangoUserAdmin):  # type: ignore[misc, type-arg]
    """Staff may enter these pages and see what their permissions allow; superusers are admins."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "first_name",
        "last_name",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("groups", "user_permissions")
    ordering = ("username",)
    readonly_fields = ("last_login", "date_joined", "second_factor")
    fieldsets = (
        (None, {"fields": ("username", "password", "second_factor")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and end the connections of the tokens of an account that was switched off."""
        super().save_model(request, obj, form, change)
        if "is_active" in form.changed_data:
            check_tokens_again(obj.pk)

    @display(description=_("Second factor"))
    def second_factor(self, user: User) -> str:
        """Tell whether there is one, and how many recovery codes are left."""
        if not has_factor(user):
            return str(_("off"))
        count = count_codes(user)
        return ngettext("on, {count} recovery code left", "on, {count} recovery codes left", count).format(count=count)

    @button(_("Reset second factor"), permission=PERMISSION, shown=has_factor, confirm=_RESET)
    def reset_second_factor(self, request: HttpRequest, user: User) -> str:
        """Take it away for somebody who lost phone and paper."""
        _check_admin(request)
        remove_factor(user, actor=actor_of(request).subject, origin=origin_of(request))
        return gettext("The password alone opens the account again. All its sessions have ended.")

    @button(_("Unlock"), permission=PERMISSION, shown=is_locked)
    def unlock(self, request: HttpRequest, user: User) -> str:
        """Forget wrong passwords."""
        _check_admin(request)
        unlock(user, actor=actor_of(request).subject)
        return gettext("The wrong passwords are forgotten.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the audit log names accounts. Take `active` away instead."""
        return False


def _check_admin(request: HttpRequest) -> None:
    if not request.user.is_superuser:
        raise NotAllowed(gettext("Only an admin may do this."))
