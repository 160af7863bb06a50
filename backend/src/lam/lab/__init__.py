"""The lab: templates, models and settings, tried on tasks and measured. It knows no session and no message."""
