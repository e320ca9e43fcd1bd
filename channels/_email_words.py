"""How mail programs say in many languages that what follows is quoted, and that they sent it."""

import re

_WROTE = (
    "wrote", "writes", "schrieb", "geschrieben", "a écrit", "a ecrit", "escribió", "escribio", "escreveu", "ha scritto",
    "scrive", "schreef", "heeft geschreven", "skrev", "kirjoitti", "napisał", "napisała", "napisał(a)", "pisze",
    "napsal", "napsala", "napsal(a)", "napísal(a)", "написал", "написала", "написал(а)", "пишет", "писал(а)", "написав",
    "написала", "пише", "yazdı", "şunu yazdı", "ezt írta", "írta", "έγραψε", "a scris", "menulis", "đã viết", "viết",
    "كتب", "כתב", "כתבה", "เขียนว่า", "写道", "寫道", "님이 작성", "작성", "のメール", "書きました",
    "wrote the following",
)  # fmt: skip
_WROTE_END = re.compile(
    r"(?:" + "|".join(re.escape(word) for word in sorted(_WROTE, key=len, reverse=True)) + r")\W{0,4}[:：]?\W{0,3}$",
    re.IGNORECASE,
)
_WROTE_WITHIN = re.compile(r"\b(?:schrieb|skrev|schreef|kirjoitti|a écrit|scrisse)\b.{1,160}[:：]\s*$", re.IGNORECASE)
_WROTE_WITH_MORE = re.compile(r"\s*on\b.{6,200}>\s*wrote:\s+\S", re.IGNORECASE)
_INTRODUCES = re.compile(
    r"\s*(?:on|am|le|el|em|il giorno|op|den|w dniu|dnia|dne|pe|στις|в|quoting|zitat von)\b", re.IGNORECASE
)
_DATE = re.compile(
    r"\d{1,2}[:.h]\d{2}|\d{4}[-/.年]\d{1,2}|\d{1,2}[-/.]\s?\d{1,2}[-/.]\s?\d{2,4}|\b(?:19|20)\d{2}\b", re.IGNORECASE
)
_MAIL = re.compile(r"<?\s*(?:mailto:)?[^\s<>@]{1,100}@[^\s<>@]{1,200}\s*>?")
_QUOTED_PERSON = re.compile(r"^(?:quoting|zitat von|citando|citat de|цитирую|citat)\b.{1,150}:\s*$", re.IGNORECASE)

_ORIGINAL = (
    "original message", "original email", "forwarded message", "begin forwarded message", "ursprüngliche nachricht",
    "urspruengliche nachricht", "originalnachricht", "original-nachricht", "original nachricht",
    "weitergeleitete nachricht", "message d'origine", "message d’origine", "message original", "message transféré",
    "mensaje original", "mensaje reenviado", "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht",
    "oorspronkelijke bericht", "doorgestuurd bericht", "mensagem original", "mensagem encaminhada",
    "originalmeddelande", "ursprungligt meddelande", "vidarebefordrat meddelande", "oprindelig meddelelse",
    "opprinnelig melding", "alkuperäinen viesti", "wiadomość oryginalna", "oryginalna wiadomość",
    "wiadomość przekazana", "původní zpráva", "исходное сообщение", "пересланное сообщение", "orijinal mesaj",
    "eredeti üzenet", "mesaj original", "原始邮件", "原始郵件", "转发的邮件", "元のメッセージ", "original メッセージ",
    "원본 메일", "원본 메시지", "αρχικό μήνυμα", "reply above this line", "please type your reply above this line",
    "bitte antworten sie oberhalb dieser linie",
)  # fmt: skip
_SEPARATOR = re.compile(
    r"\s*(?:[-_=*#~]{2,}\s*|\*{1,2})(?:" + "|".join(re.escape(word) for word in _ORIGINAL)
    + r")\W{0,4}(?:[-_=*#~]{2,}\s*|\*{0,2}\s*)$|^\s*(?:begin forwarded message|anfang der weitergeleiteten nachricht"
    r"|début du message réexpédié|inizio messaggio inoltrato)\s*:?\s*$",
    re.IGNORECASE,
)  # fmt: skip

_FROM = (
    "from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "от", "от кого", "від", "gönderen", "kimden",
    "feladó", "από", "发件人", "寄件者", "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "expéditeur", "de la",
    "dari", "từ", "מאת",
)  # fmt: skip
_OTHER = (
    "sent", "date", "to", "cc", "bcc", "subject", "reply-to", "gesendet", "gesendet am", "datum", "an", "betreff",
    "envoyé", "envoyé le", "à", "objet", "enviado", "enviado el", "enviada em", "enviado em", "fecha", "para", "asunto",
    "data", "assunto", "inviato", "a", "oggetto", "verzonden", "aan", "onderwerp", "skickat", "till", "ämne", "sendt",
    "til", "emne", "dato", "lähetetty", "vastaanottaja", "aihe", "päivämäärä", "wysłano", "do", "temat", "odesláno",
    "komu", "předmět", "отправлено", "дата", "кому", "копия", "тема", "надіслано", "gönderildi", "gönderilen",
    "tarih", "kime", "konu", "elküldve", "címzett", "tárgy", "ημερομηνία", "προς", "θέμα", "发送时间", "日期", "收件人",
    "主题", "抄送", "寄件日期", "收件者", "主旨", "日付", "送信日時", "宛先", "件名", "보낸 날짜", "날짜", "받는 사람",
    "받는사람", "제목", "trimis", "către", "subiect", "tanggal", "kepada", "subjek", "נשלח", "אל", "נושא",
    "antwort an", "répondre à", "responder a", "importance", "priorität", "copie à", "kopie",
)  # fmt: skip
_HEADER = re.compile(r"^\s*[*_>]{0,2}\s*([^\s:：*][^:：*]{0,24}?)\s*[*_]{0,2}\s*[:：]\s*[*_]{0,2}\s*(\S.*)?$")

_DEVICE = r"(?:iphone|ipad|ipod|galaxy|samsung|android|pixel|huawei|xiaomi|redmi|oneplus|nokia|sony|xperia|blackberry" \
          r"|windows phone|smartphone|mobile|phone|handy|telefon\w*|portable|móvil|movil|celular|telemóvel|tablet" \
          r"|телефон\w*|айфон\w*|手机|htc|motorola|moto|lg|apple watch|mac)"  # fmt: skip
_PROGRAM = r"(?:outlook|mail|mail for windows(?: 10)?|mail für windows|yahoo ?mail|yahoo|gmail(?: mobile)?" \
           r"|gmx|web\.de" \
           r"|proton ?mail|aol|thunderbird|spark|edison|airmail|k-9|fairemail|bluemail|hotmail|zoho|tutanota|mailbird" \
           r"|canary|superhuman|freenet|t-online|magenta|libero|orange|sfr|laposte|sky|bt|comcast|xfinity|myMail" \
           r"|mail\.ru|яндекс\S*|yandex\S*|почт\w*|nine|newton|roundcube|horde)"  # fmt: skip
_ADVERTISING = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:sent|written|typed|posted|dictated) (?:from|with|via|by|on|using) .{{0,40}}"
        rf"(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^sent via .{{0,20}}(?:{_DEVICE}|{_PROGRAM}).{{0,40}}$",
        r"^get .{0,3}outlook .{0,3}for (?:ios|android|mac).{0,60}$",
        r"^(?:outlook .{0,3}für .{0,3}(?:ios|android).{0,30}beziehen|holen sie sich outlook.{0,40}"
        r"|laden sie outlook.{0,40}|télécharger outlook.{0,40}|obtenir outlook.{0,40}"
        r"|obtenga outlook.{0,40}|obtener outlook.{0,40}"
        r"|ottieni outlook.{0,40}|scarica outlook.{0,40}|outlook .{0,12}(?:downloaden|ophalen).{0,20}"
        r"|baixe o outlook.{0,40}|obter o outlook.{0,40}|hämta outlook.{0,40}|få outlook.{0,40}|hent outlook.{0,40}"
        r"|pobierz (?:program )?outlook.{0,40}|скачать outlook.{0,40}|获取 ?outlook.{0,40}|ios 版 outlook.{0,40}"
        r"|outlook for (?:ios|android).{0,20}(?:を入手|を取得).{0,10}"
        r"|(?:ios|android)用 outlook.{0,20}|hanki outlook.{0,40})$",
        rf"^(?:von (?:meinem|unterwegs)|gesendet (?:von|mit|über)|diese nachricht wurde von meinem).{{0,60}}"
        rf"(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:envoyé (?:de|depuis|à partir|avec|d[eu’']).{{0,40}}|télécharg\S+ .{{0,20}})"
        rf"(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^enviad[oa] (?:desde|con|de|do|pelo|da|a partir|com|via).{{0,40}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^inviato (?:da|dal|con|tramite).{{0,30}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:verstuurd|verzonden) (?:vanaf|vanuit|met|via|van).{{0,30}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:skickat|skickades) från.{{0,30}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^sendt (?:fra|via).{{0,30}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:lähetetty).{{0,40}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:wysłan[eoy]|odesláno|odoslané) (?:z|ze|za pomocą|z mého).{{0,30}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^отправлено (?:с|из|со|через).{{0,40}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        rf"^(?:надіслано|отправлен\w*) (?:з|с|із).{{0,40}}(?:{_DEVICE}|{_PROGRAM}).{{0,60}}$",
        r"^.{0,12}(?:iphone|ipad|android|outlook|yahoo!?メール|スマートフォン).{0,12}(?:から送信|より送信|gönderildi).{0,10}$",
        r"^(?:发自|發自|從我的|从我的|來自我的|来自我的).{0,30}$",
        r"^(?:나의|내) ?.{0,20}(?:에서 보냄|에서 보냈습니다).?$",
        r"^(?:trimis de pe|dikirim dari|được gửi từ|gửi từ|iphone’umdan|iphone'umdan|στάλθηκε από).{0,60}$",
    )
]  # fmt: skip


def names_when_or_who(line: str) -> bool:
    """Whether a line has a date, a time or a mail address, as the beginning of an attribution does."""
    return len(line) < 500 and bool(_DATE.search(line) or _MAIL.search(line) or _INTRODUCES.match(line))


def introduces(line: str) -> bool:
    """Whether a line begins as attributions do."""
    return len(line) < 500 and bool(_INTRODUCES.match(line) and _DATE.search(line))


def attribution(line: str, *, quote_follows: bool) -> bool:
    """Whether a line, joined when it was wrapped, says who wrote what follows."""
    if not 4 < len(line) < 500:
        return False
    dated, mail = bool(_DATE.search(line)), bool(_MAIL.search(line))
    if mail and dated and _WROTE_WITH_MORE.match(line):
        return True
    if _WROTE_END.search(line) or _WROTE_WITHIN.search(line):
        return (dated or mail or quote_follows) and _colon(line, quote_follows)
    if _QUOTED_PERSON.match(line) and quote_follows:
        return True
    return line.rstrip().endswith((":", "：")) and quote_follows and (mail or dated)


def _colon(line: str, quote_follows: bool) -> bool:
    return quote_follows or line.rstrip(" \u200e\u200f\u202c>*").endswith((":", "："))


def original(line: str) -> bool:
    """Whether it is "Original message" without anything around it."""
    return line.strip().lower().rstrip(":") in _ORIGINAL


def separator(line: str) -> bool:
    """Whether it is such as `-----Original Message-----`."""
    return len(line) < 200 and _SEPARATOR.match(line) is not None


def header_name(line: str, kind: str) -> bool:
    """Whether a line begins like the header of a quoted mail: `kind` from, or other (Sent, To, Subject)."""
    if len(line) > 1_000:
        return False
    match = _HEADER.match(line)
    return match is not None and match[1].strip().lower() in (_FROM if kind == "from" else _OTHER)


def advertising(line: str) -> bool:
    """Whether a mail program or a telephone says so that it sent this."""
    line = line.strip("*_<>[]() \u200e\u200f")
    return len(line) < 150 and any(pattern.match(line) for pattern in _ADVERTISING)
