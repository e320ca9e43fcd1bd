"""What English-speaking callers say to any agent: greetings, yes and no, wishes, days, times, numbers, names.

`{...}` stands for one of a slot's phrases; see `hub.engines.phrase_book`.
"""

# ruff: noqa: E501, SIM905 - tables read better in long lines

UNITS = "one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
DIGITS = ["zero", "oh", *UNITS]
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()
DAYS_OF_MONTH = [*ORDINALS, *(f"twenty {unit}" for unit in ORDINALS[:9]), "thirtieth", "thirty first"]
MONTHS = "january february march april may june july august september october november december".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
HOURS = [*UNITS, "ten", "eleven", "twelve"]
MINUTES = [
    "thirty",
    "fifteen",
    "forty five",
    "ten",
    "twenty",
    "forty",
    "fifty",
    "oh five",
    "twenty five",
    "thirty five",
    "fifty five",
]
LETTERS = list("abcdefghijklmnopqrstuvwxyz")


def _lines(text: str) -> list[str]:
    return [line.strip() for part in text.strip().split("\n") for line in part.split("|") if line.strip()]


YES = _lines("""
    yes | yes please | yeah | yep | sure | of course | that's right | that's correct | correct | right | exactly | okay
    sounds good | perfect | go ahead | please do | yes that's right | yes that's correct | yes book it | absolutely
    that works | that works for me | yes that works | yes that's fine | that's fine | yes of course | yes thank you
    yes go ahead | yes please do | yes sure | yes it is | i do | i am | definitely | great | fine | all right | book it
    yes please book it | sure go ahead | yes i would | yes i do | that sounds good | yes perfect | yes exactly
""")
NO = _lines("""
    no | no thanks | no thank you | nope | not really | no that's wrong | that's wrong | that's not right | no it's not
    no that's not right | no that's not correct | not yet | i don't | no i don't | not now | not today | no not really
""")
GREETINGS = _lines("""
    hello | hi | hi there | hello there | hey | good morning | good afternoon | good evening | hello good morning
    hi good morning | hello how are you | hi how are you
""")
CONTROL = _lines("""
    could you repeat that | could you repeat that please | can you repeat that | can you say that again
    could you say that again please | say that again please | pardon | sorry what did you say | what did you say
    what was the question | i didn't catch that | sorry i didn't catch that | please repeat that | what times do you have
    one moment | one moment please | just a moment | hold on | wait | hang on | let me check | let me think
    never mind | forget it | cancel that | stop | start over | let's start over | skip | skip it | skip that | i don't know
    i'm not sure | i don't have one | i don't want to say | i'd rather not say | what do you mean | i have a question
    are you a robot | am i talking to a robot | are you a real person | who am i talking to | can you help me | help
    i changed my mind | thank you | thanks | thank you very much | thanks a lot | okay thank you | great thank you | please
""")
PERSON = _lines("""
    i'd like to speak to a person | can i speak to a person | speak to a person | i want to speak to a human
    can i speak to a human | let me speak to a person | a person please | an agent please | agent | operator | human please
    representative | i want to talk to someone | i want to talk to a real person | can i talk to someone
    i'd like to talk to a human | talk to a person | transfer me please | can you transfer me to a person
    connect me to an agent | can i speak to the receptionist | i need a real person | please pass me to a colleague
    i'd like to speak to someone | can i talk to a person please | pass me to a colleague please
""")
GOODBYE = _lines("""
    goodbye | bye | bye bye | thank you goodbye | thanks bye | thank you bye | that's all | that's all thank you
    no that's all | no that's all thank you | no thank you that's all | that's it | that's it thank you | that will be all
    nothing else | nothing else thank you | no nothing else | no that's everything | i'm done | i'm good thanks
    no thanks that's all | no thanks goodbye | have a nice day | have a good day | see you | see you later | okay bye
    no thank you goodbye | that's everything | that's everything thank you | all good thank you | we're done
""")
DATES = [
    *_lines("""
    today | tomorrow | the day after tomorrow | next week | this week | in two weeks | in a week | tomorrow morning
    tomorrow afternoon | as soon as possible | this afternoon | a week from today
"""),
    *WEEKDAYS,
    *WEEKDAYS,
    *WEEKDAYS,
    *(f"next {day}" for day in WEEKDAYS),
    *(f"this {day}" for day in WEEKDAYS),
    *(f"{day} next week" for day in WEEKDAYS),
    *(f"next week {day}" for day in WEEKDAYS[:5]),
    *(f"{day} morning" for day in WEEKDAYS[:5]),
    *(f"{day} afternoon" for day in WEEKDAYS[:5]),
]
ORDINAL_DATES = [f"the {day}" for day in DAYS_OF_MONTH]
DATE_FRAMES = _lines("""
    {} | {} | {} please | {} please | on {} | on {} please | how about {} | what about {} | {} works | {} works for me | {} would be good
    {} would be great | {} is good | {} is fine | i'd like {} | can i come on {} | can i come in {} | can i come {} | is {} possible
    do you have anything on {} | do you have anything {} | anything on {} | anything {} | make it {} | no {} | actually {}
    actually make it {} | no i said {} | i said {} | i meant {} | sorry i meant {} | for {} | for {} please | let's say {} | maybe {}
    what do you have on {} | what's available {} | what's available on {} | i'm free on {} | could i come {} | {} if possible
    is there anything free {} | i can come {} | {} suits me | preferably {} | it's {} | no {} please | can we do {}
""")
TIME_FRAMES = _lines("""
    {} | {} | {} please | {} please | at {} | at {} please | {} works | {} works for me | {} is fine | {} is good | {} would be good
    {} would be great | i'd like {} | i'd like {} please | i'll take {} | i'll take the {} | i'll take {} please | i would like {}
    let's do {} | let's say {} | how about {} | what about {} | the {} one | the {} one please | can i have {} | can i come at {}
    is {} possible | is {} free | is {} available | do you have {} | do you have anything at {} | make it {} | no {} | actually {}
    actually make it {} | i said {} | no i said {} | i meant {} | sorry i meant {} | around {} | maybe {} | {} suits me | {} is perfect
    {} sounds good | book me for {} | book me in at {} | yes {} | yes {} please | yes at {} | okay {} | can we do {} | no {} please
    {} if possible | {} then | after {} | before {} | not before {}
""")
TIME_PICKS = _lines("""
    the first one | the second one | the third one | the last one | the first one please | the second one please | the earliest
    the earliest one | the earliest please | the latest one | the last one please | any time | any time is fine | in the morning
    in the afternoon | anything in the morning | anything in the afternoon | the morning please | the afternoon please
    morning | afternoon | do you have anything earlier | do you have anything later | whatever you have | the first available
    sometime in the morning | sometime in the afternoon | do you have anything in the afternoon | do you have anything in the morning
""")
CHOICE_FRAMES = _lines("""
    {} | {} | {} | {} please | {} please | a {} | a {} please | a {} please | an {} | i need a {} | i'd like a {} | i'd like a {} please | i want a {} | i would like a {}
    it's for a {} | for a {} | just a {} | just a {} please | the {} | the {} please | i have a {} | it's a {} | i think {} | {} i think | mostly {}
    i'd like to book a {} | i need to book a {} | i want to book a {} | i'd like to schedule a {} | i need {} | i'd like {} | i have {} | it's {} | because {}
    no {} | no a {} | actually {} | actually a {} | make it {} | i said {} | no i said {} | i meant {} | my {} | it's the {} | {} instead
""")
INTENT_FRAMES = _lines("""
    {} | {} | {} please | i'd like to {} | i'd like to {} please | i would like to {} | i want to {} | i need to {} | can i {} | could i {} | can i {} please
    hi i'd like to {} | hello i'd like to {} | hi i need to {} | hello i need to {} | hi i want to {} | hello i want to {} | yes i'd like to {} | hi can i {} | hello can i {}
    can you {} | could you {} | i'm calling to {} | yes {} | hi {} | hello {} | i {} | good morning i'd like to {}
    i'd like {} | i need {} | i'd like to have {} | i have {} | hello i would like to {} | hi i would like to {} | hi there i'd like to {}
""")
TOPIC_FRAMES = _lines("""
    {} | what about {} | what about the {} | tell me about {} | tell me about the {} | what are your {} | what is your {} | what's the {} | what is the {} | do you have {}
    do you offer {} | do you take {} | do you accept {} | is there {} | how much is {} | how much is a {} | how much does a {} cost | how much does {} cost | how much is the {}
    i have a question about {} | can you tell me about {} | where is the {} | do you speak {} | do you do {} | what do you charge for {} | what's the {} for {} | how does {} work
""")
QUESTIONS = _lines("""
    what are your opening hours | when are you open | are you open today | are you open tomorrow | are you open on saturday | are you open on weekends
    what time do you open | what time do you close | where are you | where are you located | what's your address | what is your address | how do i get there
    how much does it cost | how much is it | what does it cost | what are your prices | do you take credit cards | can i pay by card | can i pay cash
    how long does it take | do you take my insurance | do you accept insurance | is there parking | can i park there | do you take walk ins
    what is it | how does it work | what's your phone number | what is your name | what's your name
""")
NAME_FRAMES = _lines("""
    {} | {} | {} | my name is {} | my name is {} | it's {} | it's for {} | this is {} | i'm {} | i am {} | the name is {} | name is {} | for {} | {} please
    it's under {} | no it's {} | no my name is {} | hi this is {} | hello this is {} | hi my name is {} | hello my name is {} | hi i'm {} | you can call me {} | sure it's {} | yes it's {}
""")
NAME_LEADS = ["<s> my name is"] * 3 + [
    "<s> name is",
    "<s> it's for",
    "<s> this is",
    "<s> it's",
    "<s> it's",
    "<s> i'm",
    "<s> i am",
    "<s> for",
    "<s> it's under",
    "hi i'm",
]
NUMBER_FRAMES = _lines("""
    {} | {} | about {} | around {} | {} people | about {} people | we have {} people | {} of us | there are {} of us | it's {} | we are {} | we're {} people | maybe {} | roughly {}
    i'd say {} | {} employees | no {} | actually {} | we have {} | around {} people | more than {} | less than {} | just {} | up to {}
""")
AMOUNT_FRAMES = _lines(
    "{} | {} dollars | about {} | about {} dollars | around {} dollars | around {} | up to {} dollars | maybe {} dollars | roughly {} | between {} | i'd say {}"
)
PHONE_LEADS = [
    "",
    *_lines(
        "my number is|my phone number is|it's|it is|the number is|yes it's|sure it's|yes my number is|sure my number is|you can reach me at|you can call me at|no it's|no it's|area code"
    ),
]
CODE_LEADS = [
    "",
    *_lines(
        "it's|it is|my order number is|the order number is|order number|order|my order is|the number is|it's order|number|where is order|where's order|the number is|yes it's|it says|from order"
    ),
]
MAIL_LEADS = [
    "",
    *_lines(
        "it's|my email is|my email address is|it is|the email is|email|sure it's|yes it's|you can write to|no it's|my address is"
    ),
]
COMPANY_FRAMES = _lines(
    "{} | {} | we're called {} | it's {} | we are {} | it's called {} | my company is {} | our company is {} | the company is {} | i work for {} | i'm from {} | i'm calling from {} | the company is called {} | we're {}"
)
