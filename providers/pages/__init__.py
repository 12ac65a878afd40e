"""The provider's page in the admin: its form, and what its buttons do."""
