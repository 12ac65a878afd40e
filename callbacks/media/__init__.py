"""Media of inbound messages: fetched from the BSP once, kept, and given to CleverTap."""
