"""Webhooks and deliveries. Their tables are older than this app: hence the names."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from madang.apps.channels.models import Channel


class Webhook(models.Model):
    """An address of another program. `secret` signs what is sent, so it is stored as it is."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    secret = models.CharField(max_length=64)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "chat_webhook"
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event for one webhook. `done_at` is set once it was taken, or given up."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=20)
    content = models.JSONField(default=dict)
    at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True, default="")
    taken = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "chat_webhookdelivery"
        ordering = ("pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["done_at", "due_at"], name="chat_webhoo_done_at_b765c2_idx")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
