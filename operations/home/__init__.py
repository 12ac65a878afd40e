"""The admin's first page: is it well, and if not, what is wrong and what is to be done?"""
