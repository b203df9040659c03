//! Every text of the page in every language. A text is one entry with all languages, so that a missing one does not
//! compile. `{name}` stands for a number or a name.

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Japanese,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::English, Language::Japanese];

    /// Its code, as in HTML.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Japanese => "ja",
        }
    }

    pub fn named(code: &str) -> Option<Language> {
        Language::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }
}

/// A text in every language.
#[derive(Debug)]
pub(super) struct Text {
    en: &'static str,
    ja: &'static str,
}

impl Text {
    pub(super) fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Japanese => self.ja,
        }
    }

    /// The text with values in place of their names. Values are not looked into.
    pub(super) fn with(&self, language: Language, values: &[(&str, &str)]) -> String {
        let mut rest = self.of(language);
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, further)) = after.split_once('}') else {
                break;
            };
            let value = values.iter().find(|(known, _)| *known == name);
            out.push_str(value.map_or("", |(_, value)| value));
            rest = further;
        }
        out.push_str(rest);
        out
    }
}

macro_rules! texts {
    ($($name:ident { en: $en:literal, ja: $ja:literal })*) => {
        $(pub(super) const $name: Text = Text { en: $en, ja: $ja };)*
        #[cfg(test)]
        const ALL: &[(&str, &Text)] = &[$((stringify!($name), &$name)),*];
    };
}

texts! {
    TITLE {
        en: "Will a small model do?",
        ja: "小さなモデルで足りるか"
    }
    QUESTION {
        en: "Question",
        ja: "問い"
    }
    QUESTION_CLASSES {
        en: "{file} holds {samples} samples of {inputs} numbers in {classes} classes. Can a model that uses only a few directions of the inputs find the classes as well as one that uses all?",
        ja: "{file} には、{inputs} 個の数値からなるサンプルが {samples} 件あり、{classes} クラスに分かれています。入力のごく一部の方向しか使わない小さなモデルでも、すべてを使うモデルと同じ精度で分類できるでしょうか。"
    }
    QUESTION_TARGETS {
        en: "{file} holds {samples} samples of {inputs} numbers with {targets} target values each. Can a model that uses only a few directions of the inputs predict the targets as well as one that uses all?",
        ja: "{file} には、{inputs} 個の数値と {targets} 個の目的変数からなるサンプルが {samples} 件あります。入力のごく一部の方向しか使わない小さなモデルでも、すべてを使うモデルと同じ精度で予測できるでしょうか。"
    }
    QUESTION_MATRIX {
        en: "{file} is a matrix of {rows} x {columns} numbers. Can a model that keeps only a few directions reproduce it?",
        ja: "{file} は {rows} × {columns} の行列です。ごく一部の方向だけを残す小さなモデルで、この行列を再現できるでしょうか。"
    }
    ANSWER {
        en: "Answer",
        ja: "答え"
    }
    ENOUGH {
        en: "Yes: {k} of {of} directions are enough.",
        ja: "はい。{of} 方向のうち {k} 方向で足ります。"
    }
    COSTS {
        en: "Almost: {k} of {of} directions cost {lost} points of {measured}.",
        ja: "ほぼ足ります。{of} 方向のうち {k} 方向に絞ると、{measured}が {lost} ポイント下がります。"
    }
    NOT_LOW {
        en: "No: these data are not low-dimensional.",
        ja: "いいえ。このデータは低次元ではありません。"
    }
    CANNOT_TELL {
        en: "This cannot be decided yet.",
        ja: "現時点では判断できません。"
    }
    COMPARED {
        en: "On samples that were held out of training the small model reaches {score} {measured} and the model on all directions {best} (standard error: {error} points).",
        ja: "学習に使っていない評価用データ（ホールドアウト）での{measured}は、小さなモデルが {score}、すべての方向を使うモデルが {best} です（標準誤差は {error} ポイント）。"
    }
    KEPT {
        en: "They carry {score} of the energy of the matrix.",
        ja: "行列のエネルギーの {score} がこの方向に含まれます。"
    }
    NEEDED {
        en: "{k} of {of} directions are needed; two thirds of all directions or fewer lose more than 5 points of {measured}.",
        ja: "性能を保つには {of} 方向のうち {k} 方向が必要です。全方向の 3 分の 2 以下に絞ると、{measured}が 5 ポイントを超えて下がります。"
    }
    SAVES {
        en: "Training it takes {times} times fewer operations than the narrowest wide network that loses nothing.",
        ja: "学習に必要な演算量は、性能を落とさない最も狭いネットワークの {times} 分の 1 です。"
    }
    SAVES_GIVEN {
        en: "Training it takes {times} times fewer operations than the network of the width that was asked for.",
        ja: "学習に必要な演算量は、指定された幅のネットワークの {times} 分の 1 です。"
    }
    SAVES_NOTHING {
        en: "Training it saves next to nothing, because the network that it replaces is already small.",
        ja: "置き換えるネットワークがもともと小さいため、学習の演算量はほとんど減りません。"
    }
    KEEP_WIDE {
        en: "Use the model on all directions; a smaller one costs less and is worse.",
        ja: "すべての方向を使うモデルを採用してください。小さくするとコストは下がりますが、性能も落ちます。"
    }
    FEW_SAMPLES {
        en: "There are {found} samples, and at least {wanted} are needed for figures on held-out samples.",
        ja: "サンプルが {found} 件しかなく、評価用データ（ホールドアウト）での評価には少なくとも {wanted} 件が必要です。"
    }
    NOTHING_LEARNED {
        en: "No network is clearly better than the same answer for every sample: {score} {measured} against {majority}.",
        ja: "すべてのサンプルに同じ答えを返す場合を明確に上回るネットワークはありませんでした（{measured}は {score} 対 {majority}）。"
    }
    BEHIND {
        en: "The network reaches {score} {measured} and a simple model {reference}: training has not found what the data hold.",
        ja: "ネットワークの{measured}は {score} で、単純なモデルの {reference} に届きません。学習がデータの情報を取り出せていません。"
    }
    LARGE_NETWORK {
        en: "A network that decides the answer takes too long to train for this check.",
        ja: "判断に必要なネットワークの学習に、この検査では時間がかかりすぎます。"
    }
    LARGE_SAMPLES {
        en: "The samples are more numbers than this check can work on.",
        ja: "サンプルの数値が多すぎるため、この検査では扱えません。"
    }
    DIVERGED {
        en: "Training diverged on {k} directions, even at smaller rates.",
        ja: "{k} 方向での学習が、学習率を下げても発散しました。"
    }
    NOTHING_HELD_OUT {
        en: "Nearly every sample has a class of its own ({classes} classes), so that none can be held out. Check the column of the labels.",
        ja: "ほぼすべてのサンプルのクラスが異なる（{classes} クラス）ため、評価用データを分けられません。ラベルの列を確認してください。"
    }
    NOTHING_TO_LEARN {
        en: "All samples have the same answer, so there is nothing to learn.",
        ja: "すべてのサンプルの答えが同じなので、学習するものがありません。"
    }
    NO_ADVICE {
        en: "Figures about small models would mean nothing before that is settled, so none is given as advice.",
        ja: "この点が解決するまで小さなモデルの数値には意味がないため、推奨はしません。"
    }
    ACCURACY {
        en: "accuracy",
        ja: "正解率"
    }
    EXPLAINED {
        en: "explained variance",
        ja: "決定係数（R²）"
    }
    ENERGY {
        en: "energy",
        ja: "エネルギー"
    }
    MAJORITY {
        en: "same answer for all",
        ja: "全サンプル同じ答え"
    }
    LEAST_SQUARES {
        en: "least squares",
        ja: "最小二乗法"
    }
    LOGISTIC {
        en: "logistic regression",
        ja: "ロジスティック回帰"
    }
    SPECTRUM {
        en: "How much each direction carries",
        ja: "各方向の大きさ"
    }
    SPECTRUM_X {
        en: "direction, largest first",
        ja: "方向（大きい順）"
    }
    SPECTRUM_Y {
        en: "size, relative to the largest",
        ja: "大きさ（最大値との比）"
    }
    CURVE {
        en: "What fewer directions cost",
        ja: "方向を減らしたときの性能"
    }
    CURVE_X {
        en: "directions kept",
        ja: "残す方向の数"
    }
    CURVE_Y {
        en: "held-out {measured}",
        ja: "評価用データでの{measured}"
    }
    CURVE_Y_MATRIX {
        en: "{measured} kept",
        ja: "残る{measured}"
    }
    CURVE_NOTE {
        en: "Points: mean over {splits} random splits, {held} samples held out each; bars: smallest and largest. Dashed: simple models.",
        ja: "点は {splits} 回の無作為分割（各回 {held} 件を評価用に除外）の平均、縦線は最小と最大、破線は単純なモデルです。"
    }
    COST {
        en: "Cost of training once",
        ja: "1 回の学習にかかるコスト"
    }
    TODAY {
        en: "all directions",
        ja: "全方向"
    }
    AFTER {
        en: "small model",
        ja: "小さなモデル"
    }
    NETWORK {
        en: "Network",
        ja: "ネットワーク"
    }
    NETWORK_OF {
        en: "{inputs} inputs, {width} wide",
        ja: "入力 {inputs}、幅 {width}"
    }
    OPERATIONS {
        en: "Operations",
        ja: "演算量"
    }
    TIME {
        en: "Time on one core",
        ja: "1 コアでの時間"
    }
    MEMORY {
        en: "Memory",
        ja: "メモリ"
    }
    POWER {
        en: "Energy at {watts} W, kWh",
        ja: "電力量（{watts} W、kWh）"
    }
    RISKS {
        en: "Risks, and what was not checked",
        ja: "リスクと、確認していないこと"
    }
    RISK_SOURCE {
        en: "All samples come from one file. Data that arrive later may differ.",
        ja: "サンプルはすべて同じファイルのものです。今後のデータは性質が異なる可能性があります。"
    }
    RISK_LINEAR {
        en: "The networks are deep linear ones. A nonlinear model may reach more, and may need more directions.",
        ja: "ここで使ったのは深層線形ネットワークです。非線形モデルはより高い性能に達し、より多くの方向を必要とする可能性があります。"
    }
    RISK_RARE {
        en: "The smallest class has {samples} samples: what happens to it hardly shows in the overall figures.",
        ja: "最も少ないクラスは {samples} 件しかなく、その良し悪しは全体の数値にほとんど表れません。"
    }
    RISK_SCALES {
        en: "Inputs differ in size by orders of magnitude, so the largest ones rule the directions. Standardized inputs may give another answer.",
        ja: "入力の大きさが桁違いに異なるため、大きな入力が方向を支配しています。標準化すると答えが変わる可能性があります。"
    }
    RISK_UNTRAINED {
        en: "Some numbers of directions were not trained because one run takes too long.",
        ja: "1 回の学習に時間がかかりすぎるため、学習していない方向数があります。"
    }
    RISK_UNCHECKED {
        en: "The samples are too large for a simple model, so nothing shows whether training found what they hold.",
        ja: "サンプルが大きく単純なモデルと比較できないため、学習がデータの情報を取り出せたかは確認していません。"
    }
    RISK_PREDICTED {
        en: "Time, memory and energy are predictions for one nominal core.",
        ja: "時間・メモリ・電力量は、標準的な 1 コアを想定した予測値です。"
    }
    RISK_MATRIX {
        en: "No entry was held out: the figures say how well the matrix is reproduced, not how well missing entries are predicted.",
        ja: "評価用に除いた要素はありません。数値は行列の再現度であり、欠損値の予測精度ではありません。"
    }
    NEXT {
        en: "Next step",
        ja: "次の一手"
    }
    NEXT_PLAN {
        en: "Run the staged plan: each stage says whether it passed before the next one spends more.",
        ja: "段階的な計画を実行してください。各段階の合否を確認してから、次の段階に費用をかけます。"
    }
    NEXT_PREPARE {
        en: "Bring the inputs to one scale and ask again.",
        ja: "入力の尺度をそろえてから、もう一度診断してください。"
    }
    NEXT_COLLECT {
        en: "Collect more samples, or inputs that say more about the answer, and ask again.",
        ja: "サンプルを増やすか、答えに関係する入力を加えてから、もう一度診断してください。"
    }
    NEXT_WIDE {
        en: "Plan the model on all directions; the staged plan checks it in the same way.",
        ja: "すべての方向を使うモデルを計画してください。段階的な計画で同じように確認できます。"
    }
    NEXT_SWEEP {
        en: "Write the plan as a sweep and run it: it trains the network on the matrix at several rates.",
        ja: "計画をスイープとして書き出し、実行してください。いくつかの学習率で、この行列をネットワークに学習させます。"
    }
    NEXT_LONGER {
        en: "The inputs are on one scale already: train for more steps and ask again.",
        ja: "入力の尺度はすでにそろっています。学習のステップ数を増やしてから、もう一度診断してください。"
    }
    NEXT_SMALLER {
        en: "Ask again with fewer samples or inputs, a smaller width or fewer steps.",
        ja: "サンプル・入力・幅・ステップ数のいずれかを減らして、もう一度診断してください。"
    }
    GLOSSARY {
        en: "Glossary",
        ja: "用語"
    }
    TERM_DIRECTION {
        en: "Direction",
        ja: "方向"
    }
    ABOUT_DIRECTION {
        en: "a fixed mixture of the inputs; sorted by how much the samples vary along it (right singular vectors).",
        ja: "入力を一定の割合で混ぜ合わせたもの。サンプルの広がりが大きい順に並べます（特異ベクトル）。"
    }
    TERM_HELD_OUT {
        en: "Held out",
        ja: "評価用データ（ホールドアウト）"
    }
    ABOUT_HELD_OUT {
        en: "not used in training, so that the figure shows what new samples would get.",
        ja: "学習に使わず、評価だけに使うサンプル。新しいデータでの性能の目安になります。"
    }
    TERM_EXPLAINED {
        en: "Explained variance (R\u{b2})",
        ja: "決定係数（R²）"
    }
    ABOUT_EXPLAINED {
        en: "the share of the variance of the targets that a model explains: 1 is perfect, 0 is what the mean reaches.",
        ja: "目的変数のばらつきのうち、モデルが説明できる割合。1 が完全な予測、常に平均を答える場合が 0 です。"
    }
    TERM_POINT {
        en: "Point",
        ja: "ポイント"
    }
    ABOUT_POINT {
        en: "one hundredth: from 96 % to 95 % is one point.",
        ja: "百分率の差。96 % から 95 % への低下が 1 ポイントです。"
    }
    TERM_ERROR {
        en: "Standard error",
        ja: "標準誤差"
    }
    ABOUT_ERROR {
        en: "how far a figure would typically move with other random splits.",
        ja: "別の無作為分割で数値がどの程度変わるかの目安です。"
    }
    TERM_WIDTH {
        en: "Width",
        ja: "幅"
    }
    ABOUT_WIDTH {
        en: "numbers that each hidden layer of the network passes on.",
        ja: "ネットワークの各隠れ層が次の層に渡す数値の個数です。"
    }
    MADE_BY {
        en: "Made by parsimony {version}. This page needs no network.",
        ja: "parsimony {version} が作成しました。このページはネットワークなしで表示できます。"
    }
    MILLISECONDS {
        en: "ms",
        ja: "ミリ秒"
    }
    SECONDS {
        en: "s",
        ja: "秒"
    }
    MINUTES {
        en: "min",
        ja: "分"
    }
    HOURS {
        en: "h",
        ja: "時間"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn both_languages_name_the_same_values() {
        for (name, text) in ALL {
            assert!(!text.en.is_empty() && !text.ja.is_empty(), "{name}");
            assert_eq!(names(text.en), names(text.ja), "{name}");
        }
    }

    #[test]
    fn japanese_texts_are_japanese() {
        let is_japanese = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
        for (name, text) in ALL {
            assert!(text.ja.chars().any(is_japanese), "{name}");
            assert!(!text.en.chars().any(is_japanese), "{name}");
        }
    }

    #[test]
    fn held_out_samples_have_one_name() {
        for (name, text) in ALL {
            assert!(!text.ja.contains("未学習"), "{name}");
        }
        // Where it comes first on a page, the name is explained.
        for text in [&COMPARED, &FEW_SAMPLES, &TERM_HELD_OUT] {
            assert!(text.ja.contains("評価用データ（ホールドアウト）"));
        }
        assert!(EXPLAINED.ja.contains("R²") && TERM_EXPLAINED.ja == EXPLAINED.ja);
    }

    #[test]
    fn the_answer_is_a_recommendation_and_claims_what_was_measured() {
        assert!(KEEP_WIDE.ja.contains("採用してください"));
        assert!(!NEEDED.ja.contains("少なくとも"));
        assert!(NEEDED.ja.contains("3 分の 2 以下") && NEEDED.en.contains("two thirds"));
    }

    #[test]
    fn values_are_put_in_once() {
        let text = Text {
            en: "{a} and {b}",
            ja: "{b}と{a}",
        };
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(text.with(Language::English, &values), "{b} and 2");
        assert_eq!(text.with(Language::Japanese, &values), "2と{b}");
    }
}
