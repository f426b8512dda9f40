"""A newspaper page is cut into its stories, whole and signed, and nothing that is no story becomes one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles import article_id, cut, cut_all
from rag.newspaper import column_name, pinyin
from rag.reading.plain import from_text
from rag.text import fold
from rag.types import Article, Block, Document, Record


def page(text: str, name: str = "版面.txt") -> list[Article]:
    return cut(from_text(text, name, "txt"))


def titles(articles: list[Article]) -> list[str]:
    return [article.title for article in articles]


HEAD = "松山日报 2023年5月17日 星期三 第6版 科教卫生\n\n"

FLOOD = """# 汛期提前 水利部门连夜查堤

本报讯 5月15日夜里，松山市水利局的12支巡堤队冒雨上了河堤。今年入汛比常年早了9天，全市已有3座水库超过汛限水位。

队员们每隔200米停一次，用探杆查有没有渗水。“夜里看水，白天看土，”队长韩铁生说，“土一湿，心就得提起

巡堤队员用探杆查看渗水。本报记者 宋一鸣 摄

来。”当晚共发现渗点4处，都在天亮前压住了。

水利局提醒，河滩放牧的村民请尽快把牲畜赶上高岗。(本报记者 宋一鸣)
"""
CLINIC = """## 家门口看牙 社区诊所添了新设备

本报讯 近日，桂园社区卫生服务站装上了口腔综合治疗台，居民看牙不用再跑8公里外的市医院。

服务站每周二、周五看牙，洗牙收费86元，比市医院低三成。

（松山市卫健委 郝敏）
"""


def test_stories_are_whole_signed_and_dated_by_the_running_head() -> None:
    flood, clinic = page(HEAD + FLOOD + CLINIC)
    assert (flood.title, flood.author) == ("汛期提前 水利部门连夜查堤", "本报记者 宋一鸣")
    assert (clinic.title, clinic.author) == ("家门口看牙 社区诊所添了新设备", "松山市卫健委 郝敏")
    assert {(a.date, a.page, a.column) for a in (flood, clinic)} == {("2023-05-17", "6", "科教卫生")}


def test_a_caption_does_not_break_the_paragraph_around_it() -> None:
    flood, _ = page(HEAD + FLOOD + CLINIC)
    assert "心就得提起来。”当晚共发现渗点4处" in flood.text
    assert flood.text.endswith("巡堤队员用探杆查看渗水。本报记者 宋一鸣 摄")


def test_the_same_page_without_marks_is_cut_alike() -> None:
    marked = page(HEAD + FLOOD + CLINIC)
    bare = page((HEAD + FLOOD + CLINIC).replace("## ", "").replace("# ", ""))
    assert [(a.title, a.author, a.text) for a in bare] == [(a.title, a.author, a.text) for a in marked]


def test_days_in_the_text_are_not_the_issues_day() -> None:
    assert {a.date for a in page(FLOOD + CLINIC)} == {None}


def test_the_files_name_gives_the_day_where_the_page_does_not() -> None:
    assert {a.date for a in page(FLOOD + CLINIC, "2023/松山日报_2023-05-17_第06版.txt")} == {"2023-05-17"}
    assert {a.page for a in page(FLOOD + CLINIC, "松山日报_2023-05-17_第06版.txt")} == {"6"}
    assert {a.date for a in page(FLOOD + CLINIC, "000_20239917aa.txt")} == {None}


BOXED = (
    HEAD
    + """# 地铁三号线试跑 早高峰加开六趟

本报讯 5月16日清晨5时40分，松山地铁三号线的第一列试跑列车开出青云站。全线23.6公里，设18个站，单程41分

更正

本报5月12日第2版《桑蚕进城》一文中，“3200亩”应为“2300亩”。特此更正，并向读者致歉。

钟，比公交快了将近一个小时。

运营公司说，试跑期为三个月，其间不载客；正式开通后早高峰加开6趟，行车间隔压到3分半钟。（记者 余晚晴）
"""
)


def test_a_correction_is_a_story_of_its_own_in_the_middle_of_another() -> None:
    metro, correction = page(BOXED)
    assert "单程41分钟，比公交快了将近一个小时。" in metro.text
    assert "更正" not in metro.text
    assert (metro.author, correction.title, correction.author) == ("余晚晴", "更正", None)
    assert correction.text == "本报5月12日第2版《桑蚕进城》一文中，“3200亩”应为“2300亩”。特此更正，并向读者致歉。"


def test_a_story_that_stands_between_two_halves_of_another_swallows_neither() -> None:
    between = (
        HEAD
        + "# 桑蚕进城 一座旧厂房的新营生\n\n"
        + """本报讯 五月的松山，老缫丝厂的厂房里又响起了沙沙声。三万条桑蚕住进了这里，城里的孩子排着队来看。负责人郁小川介绍，厂房改造花了七个月，保留了当年的两

"""
        + CLINIC
        + """
台缫丝机，孩子们可以自己动手抽丝。

暑假期间，这里每天接待三百人，要提前三天预约。(本报记者 池清)
"""
    )
    silk, clinic = page(between)
    assert "保留了当年的两台缫丝机" in silk.text
    assert (silk.author, clinic.author) == ("本报记者 池清", "松山市卫健委 郝敏")
    assert "缫丝" not in clinic.text


FEATURE = (
    HEAD
    + """科学人物

# 她在雪线上数了二十年花

□ 本报记者 陶然

海拔4200米，风从垭口灌下来。柳青青跪在碎石坡上，用直尺量一朵绿绒蒿。

## 一条样带

2003年，柳青青在这里拉起第一条样带，长100米，宽2米。那年她26岁。

二十年里，她数过11万多朵花，记满了34个本子。

## 花往高处走

数据显示，绿绒蒿的下限比二十年前高了86米。“它们在往上搬家，”柳青青说，“可山只有这么高。”

## 两座山之间的路怎么走

□ 柯北

从松山到白塔，翻山只有40公里，绕路却要130公里。
"""
)


def test_sub_headings_stay_inside_their_story_and_are_listed() -> None:
    flowers, road = page(FEATURE)
    assert [s.heading for s in flowers.sections] == ["一条样带", "花往高处走"]
    assert all(flowers.text[s.start :].startswith(s.heading) for s in flowers.sections)
    assert (flowers.author, flowers.column) == ("本报记者 陶然", "科学人物")
    assert (road.title, road.author) == ("两座山之间的路怎么走", "柯北")


def test_a_headline_in_two_lines_is_one_and_a_column_above_it_is_not_part_of_it() -> None:
    text = (
        HEAD
        + """乡村振兴 | XIANG CUN ZHEN XING

# 一颗梨的三次变身

# 白塔县把果渣做成了环保板材

本报讯 白塔县的雪梨每年要榨掉2万吨，果渣曾经堆成山。如今果渣掺上胶，压成板，一张卖68元。(通讯员 向南)

# 短视频课堂开到田头

本报讯 5月14日，白塔县的短视频课堂开到了梨园里，60名果农学会了剪辑。（白塔县融媒体中心）
"""
    )
    pear, course = page(text)
    assert (pear.title, pear.column) == ("一颗梨的三次变身 白塔县把果渣做成了环保板材", "乡村振兴")
    assert course.column == "乡村振兴"
    assert "XIANG" not in pear.text


def test_briefs_without_headlines_are_stories_each() -> None:
    for bullet in ("● ", "▲", "■ ", ""):
        text = (
            HEAD
            + FLOOD
            + f"\n简讯\n\n{bullet}松山市图书馆5月20日起延长开放到晚上10时。\n\n{bullet}白塔县新栽油茶3400亩，成活率九成五。\n\n"
            + f"{bullet}昨日，市天文台拍到一颗火流星，持续约4秒。\n\n学生园地\n\n"
            + CLINIC
        )
        flood, *briefs, clinic = page(text)
        assert [b.text for b in briefs] == [
            "松山市图书馆5月20日起延长开放到晚上10时。",
            "白塔县新栽油茶3400亩，成活率九成五。",
            "昨日，市天文台拍到一颗火流星，持续约4秒。",
        ], bullet
        assert {(b.title, b.author, b.column) for b in briefs} == {("", None, "简讯")}
        assert (clinic.column, flood.author) == ("学生园地", "本报记者 宋一鸣")


FURNITURE = """
本版协办单位

松山市气象学会
白塔县气象学会
云溪县气象学会
柳河县气象学会
沙湾区气象学会

（排名不分先后）

分类信息

遗失声明：松山市顺达货运部遗失公章一枚，编号51000000，声明作废。

招聘：超市招收银员2名，月薪3200元，电话 0000-5557788。

减资公告

松山市某某商贸有限公司拟将注册资本由300万元减至50万元，请债权人自公告之日起45日内申报债权。

征稿启事

本版长期征集科普小品，字数900字以内，一经采用即付稿酬。

广告 五月家电节 满1000减120 免费送货

本报地址：松山市人民路6号 邮编：600012 订阅热线：0000-5556677 零售每份1元5角 松山印务公司印刷
"""


def test_sponsors_notices_and_advertisements_are_in_no_story() -> None:
    articles, aside = cut_all(from_text(HEAD + FLOOD + CLINIC + FURNITURE, "版.txt", "txt"))
    assert titles(articles) == ["汛期提前 水利部门连夜查堤", "家门口看牙 社区诊所添了新设备"]
    said = "".join(a.text + (a.author or "") for a in articles)
    for words in ("气象学会", "声明作废", "收银员", "债权", "征集", "满1000", "印务", "5月17日 星期三"):
        assert words not in said
        assert words in "".join(aside)


def test_furniture_without_marks_either() -> None:
    bare = (HEAD + FLOOD + CLINIC + FURNITURE).replace("## ", "").replace("# ", "")
    assert titles(page(bare)) == ["汛期提前 水利部门连夜查堤", "家门口看牙 社区诊所添了新设备"]


def test_an_article_about_advertisements_and_lost_papers_is_an_article() -> None:
    text = (
        HEAD
        + FLOOD
        + """## 身份证丢了不用登报

本报讯 松山市公安局昨日提醒，身份证遗失后不必登报声明作废，到任一派出所挂失补领即可，咨询电话0000-5551100。今年以来，全市已补领身份证1.2万张。（记者 易安）
"""
    )
    assert titles(page(text))[1] == "身份证丢了不用登报"


def test_a_headline_over_several_pieces_belongs_to_none_of_them() -> None:
    text = (
        HEAD
        + """# 各地欢度科技活动周

## 白塔县：气象站里当小小预报员

本报讯 5月14日，白塔县气象站来了40名小学生，学会了看云识天气。（白塔县科协）

## 云溪县：老茶农讲杀青里的学问

本报讯 云溪县请来72岁的老茶农，现场讲解杀青为什么要用高温。（云溪县科协）
"""
    )
    assert titles(page(text)) == ["白塔县：气象站里当小小预报员", "云溪县：老茶农讲杀青里的学问"]


def test_a_story_goes_on_where_the_paper_says() -> None:
    text = (
        """松山日报 2023年5月17日 星期三 第1版 要闻

# 一条老渠的百年

本报讯 1923年，松山的乡民用肩膀挑出了一条27公里的水渠。今年，老渠满一百岁了。(下转第3版)

"""
        + CLINIC
        + """
松山日报 2023年5月17日 星期三 第3版 综合

（上接第1版）渠首的石碑上刻着136个名字，其中11个姓甚名谁已经认不清。

如今老渠还浇着4000亩田。(本报记者 简宁)

# 蜂农追着花期走

本报讯 五月槐花开，蜂农老谭把180箱蜂运上了北坡。（记者 余晚晴）
"""
    )
    canal, clinic, bees = page(text)
    assert canal.text.endswith("如今老渠还浇着4000亩田。(本报记者 简宁)")
    assert "下转" not in canal.text
    assert "上接" not in canal.text
    assert (canal.author, canal.page, bees.page, clinic.page) == ("本报记者 简宁", "1", "3", "1")


def test_a_page_in_traditional_script() -> None:
    text = """臨川晚報　2022年11月3日　星期四　第A5版　生活

舊城故事

# 老鐘樓停擺三年 修鐘人把它叫醒

本報訊 停了三年的臨川鐘樓,昨日正午重新敲響。修鐘人沈國棟在塔頂住了19天,換下齒輪7個,校準後每天誤差不到2秒。

鐘樓建於1911年,高32米,(本報記者 簡若水 通訊員 何以安)

## 淺水灣濕地禁止投餵水鳥

本報訊 即日起,淺水灣濕地公園禁止投餵水鳥,違者將被勸離。

(臨川園林局供稿)

徵稿啟事 本欄徵集老照片,請註明拍攝年份,稿酬從優,來稿請寄本報編輯部。
"""
    clock, birds = page(text)
    assert (clock.title, clock.author, clock.column) == (
        "老鐘樓停擺三年 修鐘人把它叫醒",
        "本報記者 簡若水 通訊員 何以安",
        "舊城故事",
    )
    assert (birds.author, birds.date, birds.page) == ("臨川園林局供稿", "2022-11-03", "A5")


def test_tables_stay_whole_inside_their_story() -> None:
    table = "| 站点 | PM2.5 | 级别 |\n| --- | --- | --- |\n| 北站 | 31 | 优 |\n| 南站 | 78 | 良 |"
    text = (
        HEAD
        + f"# 四月空气质量公布\n\n本报讯 松山市4月空气优良天数为27天，比去年多3天。\n\n{table}\n\n南站靠近工地，扬尘偏多。（记者 易安）\n\n"
        + CLINIC
    )
    air, _ = page(text)
    assert table in air.text
    assert air.text.endswith("南站靠近工地，扬尘偏多。（记者 易安）")


def test_a_picture_with_its_headline_is_a_story() -> None:
    text = (
        HEAD
        + FLOOD
        + """图片新闻

油菜地里的“直升机”

5月13日，白塔县的油菜地里，植保无人机正在喷药。一架机一天能飞300亩，抵得上20个人。

（向南 摄影报道）

"""
        + CLINIC
    )
    _, picture, clinic = page(text)
    assert (picture.title, picture.author, picture.column) == ("油菜地里的“直升机”", "向南 摄影报道", "图片新闻")
    assert clinic.column != "图片新闻" or clinic.title


def test_names_under_a_headline_are_its_byline() -> None:
    for line, author in (
        ("柯北 向南", "柯北 向南"),
        ("文/柯北 图/向南", "文/柯北 图/向南"),
        ("■本报记者 柯北", "本报记者 柯北"),
        ("作者：柯北", "柯北"),
        ("文/柯北", "柯北"),
        ("撰稿：柯北 向南", "柯北 向南"),
        ("记者 柯北", "柯北"),
        ("整理：柯北", "整理：柯北"),
    ):
        text = (
            HEAD
            + FLOOD
            + f"河流需要一点弯曲\n\n{line}\n\n把河裁直，水走得快，鱼却没了家。二十年来，松山裁直了七条河，如今又一段段弯回来。\n\n弯道里水慢，沙子落下，芦苇就长起来。\n"
        )
        assert (page(text)[1].title, page(text)[1].author) == ("河流需要一点弯曲", author)


def test_who_took_a_picture_is_no_author() -> None:
    text = (
        HEAD
        + "# 湿地来了新客人\n\n本报讯 5月10日，松山湿地首次记录到彩鹮，一共3只。\n\n彩鹮在浅水里觅食。向南 摄\n\n监测员说，它们可能停留两周。\n\n"
        + CLINIC
    )
    assert page(text)[0].author is None


def test_names_in_the_middle_of_a_text_do_not_sign_it() -> None:
    text = (
        HEAD
        + "# 谁来教孩子认星星\n\n本报讯 松山市聘请了三位辅导员（李可、王田、赵山），每周六晚上在天文台讲课。首期60个名额一天报满。\n\n"
        + CLINIC
    )
    assert page(text)[0].author is None


def test_a_report_signed_behind_its_first_words() -> None:
    text = (
        HEAD
        + "# 山洪预警提前四十分钟\n\n本报讯（记者 余晚晴 通讯员 向南） 新的山洪预警系统昨日启用，能提前40分钟发出警报。\n\n系统接入雨量站212个。\n\n"
        + CLINIC
    )
    assert page(text)[0].author == "记者 余晚晴 通讯员 向南"


def test_short_beginnings_of_broken_paragraphs_are_no_headlines() -> None:
    text = (
        HEAD
        + """# 古井里的水位计

本报讯 松山老城的17口古井，装上了水位计。水位每10分钟传回一次，居民用手机就能看到。

市文物局要

求，水位低于警戒线时，周边工地必须停止抽水。

专家认为，古井是城市的

温度计，也是一本没有字的账。(本报记者 池清)
"""
    )
    [wells] = page(text)
    assert "市文物局要求，水位低于警戒线" in wells.text
    assert "古井是城市的温度计" in wells.text
    assert wells.sections == ()


def test_running_heads_in_other_forms() -> None:
    for head, expected in (
        ("A03 要闻 2024.06.09 星期日 责编/凌云 版式/高原", ("2024-06-09", "A3", "要闻")),
        ("2024年6月9日　农历五月初四　星期日\n\n第八版\n\n沙湾科技报", ("2024-06-09", "8", None)),
        ("二〇二四年六月九日 星期日 第八版 副刊", ("2024-06-09", "8", "副刊")),
        ("■责任编辑 凌云 ■校对 高原 ■电话 0000-5550000\n\n2024-06-09 08版 农技", ("2024-06-09", "8", "农技")),
    ):
        first = page(head + "\n\n" + FLOOD + CLINIC)[0]
        assert (first.date, first.page, first.column) == expected, head


def test_a_head_at_the_foot_of_the_page_dates_the_stories_above_it() -> None:
    assert {a.date for a in page(FLOOD + CLINIC + "\n松山日报 2023年5月17日 星期三 第6版")} == {"2023-05-17"}


# ---------------------------------------------------------------- plain documents


def test_a_plain_document_is_one_article_with_its_headings() -> None:
    document = Document(
        "手册/防汛.docx",
        "docx",
        "0",
        blocks=(
            Block("防汛手册", "heading", 1),
            Block("先看水位。"),
            Block("巡堤", "heading", 2),
            Block("两人一组。"),
            Block("| 甲 | 乙 |\n| --- | --- |", "table"),
        ),
    )
    [article] = cut(document)
    assert (article.title, article.text) == ("防汛手册", "先看水位。\n巡堤\n两人一组。\n| 甲 | 乙 |\n| --- | --- |")
    assert [(s.heading, s.level, article.text[s.start : s.start + 2]) for s in article.sections] == [
        ("巡堤", 2, "巡堤")
    ]


def test_a_file_without_a_title_is_called_by_its_name() -> None:
    assert titles(
        cut(from_text("先看水位，再看渗点。两人一组，不要落单。\n\n夜里带灯。", "夹/巡堤须知.txt", "txt"))
    ) == ["巡堤须知"]


def test_a_first_line_that_stands_like_a_title_is_the_title() -> None:
    [article] = cut(
        from_text(
            "巡堤须知\n\n先看水位，再看渗点。两人一组，不要落单。夜里带灯，灯要防水。\n\n发现渗点先插旗，再打电话。",
            "a1.txt",
            "txt",
        )
    )
    assert (article.title, article.text.split("\n")[0]) == (
        "巡堤须知",
        "先看水位，再看渗点。两人一组，不要落单。夜里带灯，灯要防水。",
    )


def test_a_collection_of_texts_under_headings_of_the_first_rank_is_cut_at_them() -> None:
    body = "地里的事，误一时就误一季。" * 30
    [first, second, third] = cut(
        from_text(
            f"# 春灌三件事\n\n{body}\n\n## 渠道\n\n{body}\n\n# 夏收怕连阴\n\n{body}\n\n# 秋播看墒情\n\n{body}\n",
            "农事.md",
            "md",
        )
    )
    assert titles([first, second, third]) == ["春灌三件事", "夏收怕连阴", "秋播看墒情"]
    assert [s.heading for s in first.sections] == ["渠道"]


def test_rows_are_articles_as_they_are() -> None:
    document = Document(
        "库.jsonl",
        "jsonl",
        "0",
        records=(Record("a1", "第一行。", "题", "李农", "2025-03-08", "农技"), Record("a2", "第一行。")),
    )
    first, second = cut(document)
    assert (first.source, first.title, first.author, first.date, first.column) == (
        "a1",
        "题",
        "李农",
        "2025-03-08",
        "农技",
    )
    assert (second.source, second.title) == ("a2", "")


def test_a_single_report_takes_its_title_from_the_file_that_knows_it() -> None:
    report = "本报讯 近日，桂园社区卫生服务站装上了口腔综合治疗台。\n\n洗牙收费86元。（松山市卫健委 郝敏）"
    [article] = cut(from_text(f"---\ntitle: 家门口看牙\ncolumn: 社区\n---\n\n{report}", "a1.md", "md"))
    assert (article.title, article.author, article.column) == ("家门口看牙", "松山市卫健委 郝敏", "社区")
    [article] = cut(from_text(report, "夹/家门口看牙.txt", "txt"))
    assert article.title == "家门口看牙"


# ---------------------------------------------------------------- laws


def test_the_same_story_twice_has_two_ids_and_a_changed_one_another() -> None:
    twice = page(HEAD + CLINIC + CLINIC)
    assert len({a.article_id for a in twice}) == len(twice) == 2
    assert twice[0].article_id == article_id("版面.txt", twice[0].title, twice[0].text)
    assert len(twice[0].article_id) == 16


def test_a_columns_name_is_known_beside_pinyin_that_a_scan_ran_together() -> None:
    for line in (
        "▌乡村生活 | XIANG CUN SHENG HUO",
        "▌乡村生活|XIANGCUNSHENGHUO",
        "▌乡村生活XIANGCUN SHENGHUO",
        "▌XiangCunShengHuo乡村生活 栏目协办：松山市农业农村局",
    ):
        assert column_name(line, fold(line)) == "乡村生活"
    assert pinyin("xiangcun shenghuo") == 4
    assert pinyin("international edition") == pinyin("technology") == 0


LINES = st.sampled_from(
    [line for text in (HEAD, FLOOD, CLINIC, BOXED, FEATURE, FURNITURE) for line in text.split("\n\n") if line.strip()]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=25))
def test_any_order_of_lines_is_cut_without_loss_or_invention(lines: list[str]) -> None:
    """Whatever the page: sections point at their headings, and every character is in an article or set aside."""
    text = "\n\n".join(lines)
    if not text:
        return
    document = from_text(text, "乱.txt", "txt")
    articles, aside = cut_all(document)
    assert len({a.article_id for a in articles}) == len(articles)
    for article in articles:
        assert all(article.text[s.start :].startswith(s.heading) for s in article.sections)
        assert article.author is None or all(name in text for name in article.author.split())
    kept = "".join([a.title + a.text + (a.author or "") for a in articles] + aside)
    assert sorted({c for c in text if c.isalnum()} - set(kept)) == []
