"""Names that the embedded recogniser knows: the most common first and last ones of the United States (census and
social security lists), and words that companies are called by."""

FIRST = """
james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph jessica
thomas sarah christopher karen charles lisa daniel nancy matthew sandra anthony betty mark ashley donald emily steven
kimberly andrew margaret paul donna joshua michelle kenneth carol kevin amanda brian melissa george deborah timothy
stephanie ronald rebecca jason laura edward sharon jeffrey cynthia ryan dorothy jacob amy gary kathleen nicholas angela
eric shirley jonathan emma stephen brenda larry pamela justin nicole scott anna brandon samantha benjamin katherine
samuel christine gregory helen alexander debra patrick rachel frank carolyn raymond janet jack maria dennis olivia
jerry heather tyler diane aaron julie jose joyce adam victoria nathan ruth henry virginia douglas lauren zachary kelly
peter christina kyle joan noah evelyn ethan judith jeremy andrea christian hannah walter megan keith cheryl austin
jacqueline roger martha terry madison sean teresa gerald gloria carl sara dylan harold janice jordan kathryn jesse
ann bryan isabella lawrence grace arthur jean gabriel alice bruce julia logan judy alan sophia juan denise albert amber
willie doris elijah marilyn randy danielle wayne beverly vincent charlotte roy nina ralph leo eva lucas sam ben tom
kate lucy max oscar simon martin lena tony mike steve dave jim joe bob bill dan chris matt nick alex jo pat lee dana
maya elena priya carlos luis miguel pedro sofia carmen rosa claire diana ella ian ivan jane jenny jill
""".split()  # noqa: SIM905
"""First names, the most common first."""

LAST = """
smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson
thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young
allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter roberts
gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook rogers gutierrez
ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks chavez wood james
bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers long ross foster jimenez powell jenkins
perry russell sullivan bell coleman butler henderson barnes gonzales fisher vasquez simmons graham murray ford castro
wallace owens hamilton park parks wong chen singh shaw stone hunt palmer mills grant knight ferguson rose dunn hudson
spencer gardner payne pierce berry matthews wagner willis ray watkins olson carroll duncan snyder hart cunningham
bradley lane andrews fox riley armstrong weaver greene lawrence elliott novak keller weber schmidt mueller meyer becker
wolf lynch burke barrett doe
""".split()  # noqa: SIM905
"""Last names, the most common first."""

COMPANY = """
heating plumbing electric cleaning landscaping roofing construction services solutions group company brothers systems
consulting logistics partners industries software security motors supply northwind acme blue sky green thumb limited
""".split()  # noqa: SIM905
"""Words of company names."""

MAIL_HOSTS = "gmail yahoo hotmail outlook icloud example aol acme northwind".split()  # noqa: SIM905
"""What stands before the dot in common mail addresses."""
