"""The admin's first page: is everything well, and if not, what is wrong and what should be done?"""
