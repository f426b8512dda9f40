"""What a question takes for granted: corrected where the passages say otherwise of the same event, else left alone."""

from __future__ import annotations

import pytest

from rag.answering.premises import contradicted
from rag.question import understand
from rag.types import Hit

TEXT = (
    "1972年，华中农学院的傅廷栋在试验田里找到了19株雄性不育的油菜，后来称为“波里马”。"
    "全国有野生大熊猫1864只，栖息地面积为258万公顷。"
    "都江堰2000年与青城山一起被列入世界文化遗产名录，2018年被列入世界灌溉工程遗产名录。"
    "约公元前256年，蜀郡太守李冰主持修建了都江堰。"
    "在贵州省平塘县的洼坑里，有一口“大锅”，它就是500米口径球面射电望远镜。"
    "草地贪夜蛾2019年1月在云南首次被发现，当年扩散到二十多个省份。"
    "捷克斯洛伐克共产党的领导人从1921年至1945年称总书记。"
)


def hit(text: str, title: str = "", date: str | None = None) -> Hit:
    return Hit(1, "a", "a.txt", title, 0, len(text), text, 0.5, date=date)


def said(question: str, text: str = TEXT, **more: str) -> str | None:
    found = contradicted(understand(question), [hit(text, **more)])
    return found.text if found else None


@pytest.mark.parametrize(
    ("question", "instead"),
    [
        ("1965年傅廷栋在试验田里找到了多少株油菜？", "1972年"),
        ("袁隆平1972年在试验田里找到的雄性不育油菜叫什么？", "傅廷栋"),
        ("全国有野生大熊猫2864只，栖息地有多大？", "1864只"),
        ("都江堰2010年与青城山一起列入世界文化遗产名录，是谁修的？", "2000年"),
        ("蜀郡太守诸葛亮主持修建的都江堰在哪里？", "李冰"),
        ("2019年1月在广西首次发现的草地贪夜蛾扩散到多少省份？", "云南"),
    ],
)
def test_a_wrong_year_person_figure_or_place_is_corrected_in_the_articles_words(question: str, instead: str) -> None:
    found = said(question)
    assert found is not None and instead in found


@pytest.mark.parametrize(
    "question",
    [
        "1972年傅廷栋在试验田里找到了多少株油菜？",
        "都江堰2018年被列入什么名录？",
        "全国有多少只野生大熊猫？",
        "500米口径球面射电望远镜在贵州省的哪个县？",
        "捷克斯洛伐克共产党的领导人在1930年叫什么？",
        "2030年油菜的价格是多少？",
        "全国将近2000只的野生大熊猫，栖息地面积有多大？",
        "草地贪夜蛾在哪一年扩散到二十多个省份？",
        "李冰是谁？",
        "怎么种油菜？",
    ],
)
def test_what_the_passages_bear_out_or_do_not_speak_of_is_left_alone(question: str) -> None:
    assert said(question) is None


def test_the_year_in_which_someone_won_assumes_nothing() -> None:
    text = "2021年，冉志远在青溪县围棋公开赛上夺得冠军。"
    assert said("2022年青溪县围棋公开赛的冠军是谁？", text) is None


def test_a_name_of_two_letters_in_a_clause_that_is_told_whole_of_another_is_corrected() -> None:
    text = "1913年，化学家沈怀远发现这种霉菌能杀死伤口里的细菌。"
    assert said("苏洛1913年发现这种霉菌能杀死伤口里的细菌，他是哪里人？", text) == text
    assert said("苏洛1913年发现了什么霉菌？", text) is None


def test_the_year_of_the_article_bears_out_a_question_about_that_year() -> None:
    text = "全区共发布推文1900余篇，阅读量超1100万次。"
    assert said("2024年全区发布推文多少篇？", text, date="2024-12-30") is None


def test_the_correction_cites_the_sentence_by_its_place() -> None:
    found = contradicted(understand("1965年傅廷栋在试验田里找到了多少株油菜？"), [hit(TEXT)])
    assert found is not None and found.verified
    (evidence,) = found.evidence
    assert TEXT[evidence.start : evidence.end] == found.text == evidence.text


def test_without_passages_nothing_is_contradicted() -> None:
    assert contradicted(understand("1965年傅廷栋找到了什么？"), []) is None


def test_the_age_of_a_person_is_no_other_persons_name() -> None:
    text = "11月18日，资阳市科协书记鲁燕一行赴温州市科协考察。温州市科协书记赖颖陪同考察。"
    assert said("温州市科协书记赖颖多大年纪？", text) is None


BIRDS = "首批抵達的越冬候鳥共14種2360隻，比去年提前了6天。監測站說，門票免費。番茄的产量没有下降。"


@pytest.mark.parametrize(
    ("question", "instead"),
    [
        ("越冬候鸟为什么比去年推迟了6天抵达？", "提前了6天"),
        ("监测站的门票为什么收费？", "免費"),
        ("越冬候鸟为什么比去年提前了6天抵达？", None),
        ("越冬候鸟比去年提前了几天？", None),
        ("番茄的产量为什么增长了？", None),
        ("番茄为什么推迟上市？", None),
    ],
)
def test_what_went_the_other_way_is_corrected(question: str, instead: str | None) -> None:
    found = said(question, BIRDS, title="白鹭湾越冬候鸟抵达")
    assert (found is None) == (instead is None) and (instead or "") in (found or "")
