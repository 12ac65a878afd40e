"""What CleverTap's integration team does with a new partner, done with one provider and written down."""
