"""What each recipient gets: the texts of the slots, the variant, the message put together."""
