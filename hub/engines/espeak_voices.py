"""The embedded voices that agents are offered: languages of espeak-ng, each as a woman's and a man's voice.

espeak-ng knows more of both; any of its names may be set. https://github.com/espeak-ng/espeak-ng/blob/master/docs/languages.md
"""

from hub.voice.speech import NamedVoice

_ENGLISH = {
    "en-us": ("en-US", "English (America)", "American"),
    "en": ("en-GB", "English (Great Britain)", "British"),
    "en-gb-x-rp": ("en-GB", "English (Received Pronunciation)", "British"),
    "en-gb-scotland": ("en-GB", "English (Scotland)", "Scottish"),
    "en-029": ("en-029", "English (Caribbean)", "Caribbean"),
}
_LANGUAGES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan",
    "cmn": "Chinese (Mandarin)", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "es": "Spanish (Spain)", "es-419": "Spanish (Latin America)", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr-be": "French (Belgium)", "fr-ch": "French (Switzerland)", "fr": "French (France)",
    "ga": "Irish", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian",
    "ms": "Malay", "nb": "Norwegian", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese (Portugal)",
    "pt-br": "Portuguese (Brazil)", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
}  # fmt: skip
_TIMBRES = (("f5", "female", "woman"), ("m3", "male", "man"))
_ON_THE_PHONE = NamedVoice("en-us+klatt4", "English (America), clear on a phone", "en-US", "male", "American")


def catalogue() -> list[NamedVoice]:
    """English first, then the others by name."""
    found = [_ON_THE_PHONE]
    for code, (language, name, accent) in _ENGLISH.items():
        found += _both(code, name, language, accent)
    for code, name in sorted(_LANGUAGES.items(), key=lambda item: item[1]):
        found += _both(code, name, code)
    return found


def _both(code: str, name: str, language: str, accent: str = "") -> list[NamedVoice]:
    return [NamedVoice(f"{code}+{timbre}", f"{name}, {who}", language, sex, accent) for timbre, sex, who in _TIMBRES]
