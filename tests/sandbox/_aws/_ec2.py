# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EC2 operations that moto lacks or takes lightly.

Rules and error codes are those of the Amazon EC2 API Reference and the VM Import/Export User Guide.
"""

from __future__ import annotations

from tests.sandbox._aws._images import ImageRequests
from tests.sandbox._aws._import_tasks import ImportTaskRequests
from tests.sandbox._aws._instances import InstanceRequests


class SandboxEC2(ImportTaskRequests, ImageRequests, InstanceRequests):
    """All of them: import tasks, images, snapshots, and instances."""
