"""Word lists that the phrases of every language share, so that a text which mixes languages is still read.

Each list holds its English, Portuguese and Russian words on lines of their own, some a last line of German, French and
Spanish ones: no rules are written in those, but the commonest order is known. A star means "begins with".
"""

from __future__ import annotations


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


WORDS: dict[str, tuple[str, ...]] = {
    "override": _words(
        "ignore ignores ignoring ignored ingore disregard* forget forgets forgetting bypass* overrid* "
        "overwrite neglect "
        "dismiss discard abandon nullify unlearn ignor disreguard",
        "ignore ignora ignorar ignorem ignorando desconsider* esqueca esquece esquecer esquecam esqueco "
        "despreze descarte "
        "descartar anule anular sobrescrev* contorne burle burlar desobedec* abandone desrespeite "
        "desconsidera revogue",
        "игнорир* проигнорир* игнор забуд* забыть забыва* позабудь* отбрось* отброс* отмени отмените "
        "отменить "
        "пренебре* обойди обойдите нарушь нарушай* сбрось аннулир*",
        "ignoriere ignorieren vergiss vergesse vergessen ignorez oublie oubliez olvida olvide olviden ignoren",
    ),
    "earlier": _words(
        "previous previously prior preceding above earlier past former foregoing existing original initial "
        "preset "
        "preprogrammed before",
        "anterior anteriores previas previos previa previo acima inicial iniciais originais precedentes "
        "passadas passados "
        "antes antigas anteriormente previamente",
        "предыдущ* предидущ* прошл* прежн* выше вышеуказанн* вышеизложенн* вышеперечисленн* вышестоящ* "
        "ранее предшеств* "
        "изначальн* исходн* первоначальн* прежде полученн*",
        "vorherigen bisherigen obigen precedentes precedente previas anteriores",
    ),
    "all": _words(
        "all any every each everything anything whatever",
        "todas todos tudo toda todo quaisquer qualquer",
        "все всё всех всем всеми всю любые любых каждое",
        "alle alles toutes tous todas",
    ),
    "your": _words(
        "your yours ur",
        "suas seus sua seu tuas teus tua teu",
        "твои твоих твоими твоим твой твоего твоё твою твоя свои своего своему своём своей своих своими "
        "своим свой своё свою ваши ваших вашими ваш",
        "deine deinen ihre vos votre tus sus",
    ),
    "mine": _words(
        "my mine our his her", "meu minha meus minhas nosso nossa nossos", "мой мою мои моё моих нашу наши наш"
    ),
    "instructions": _words(
        "instruction instructions intructions instuctions instrutions directive directives guideline "
        "guidelines prompt "
        "prompts programming preprompt guardrails",
        "instrucao instrucoes diretriz diretrizes orientacao orientacoes programacao prompts",
        "инструкц* указани* директив* промпт* промт* предписани* наставлени* установк*",
        "anweisung anweisungen instruktionen consignes instrucciones instruccion",
    ),
    "rules": _words(
        "rule rules order orders command commands constraint constraints policy policies restriction "
        "restrictions "
        "limitation limitations training context safeguards protocols filters",
        "regra regras ordem ordens comando comandos restricao restricoes politica politicas limitacoes "
        "treinamento filtros "
        "contexto",
        "правил правила правилам правилами правилах команд команды командам распоряжени* приказ* "
        "ограничени* запрет* "
        "политик* контекст* настройки настроек фильтр*",
        "regeln befehle regles ordres reglas ordenes restricciones",
    ),
    "given": _words(
        "given received got told started have had following initialized loaded fed assigned provided",
        "recebeu recebida recebidas deram dada dadas passaram iniciado iniciada carregado tem foi foram",
        "дали дала дан даны данные получил получила получен полученн* запустили загружен заданы задали "
        "передали прописан*",
    ),
    "you": _words(
        "you u youre youve",
        "voce vc te ti tu lhe",
        "ты тебя тебе тобой вы вам вас",
    ),
    "limited": _words(
        "safety security content moderation privacy ethical ethics usage censorship",
        "seguranca conteudo moderacao privacidade etica censura uso",
        "безопасности безопасность контента модерации приватности этики цензуры содержимого",
    ),
    "mode": _words(
        "developer dev debug debugging god sudo root admin administrator jailbreak dan unrestricted evil "
        "maintenance "
        "diagnostic override unlocked uncensored",
        "desenvolvedor depuracao deus administrador irrestrito manutencao diagnostico desbloqueado",
        "разработчика отладки бога администратора обслуживания диагностики root sudo dan",
    ),
    "safety": _words(
        "restriction restrictions limitation limitations filters filtering censorship censor ethics "
        "ethical moral "
        "morals morality moralities guideline guidelines safeguards guardrails boundaries constraints "
        "inhibitions "
        "taboos safety principles",
        "restricao restricoes limitacao limitacoes filtro filtros censura etica eticas eticos moral morais "
        "limites "
        "diretrizes inibicoes salvaguardas escrupulos",
        "ограничени* фильтр* цензур* запрет* этик* этическ* этичн* морал* рамок рамки табу границ принцип*",
    ),
    "reveal": _words(
        "reveal reveals show print output display repeat tell give leak dump expose disclose share echo "
        "recite write "
        "divulge return list paste copy quote spit read summarize send provide say spell translate "
        "translates prints reads summarise enumerate describe state",
        "revele revela revelar mostre mostra mostrar imprima imprime imprimir exiba exibir repita repete "
        "repetir diga "
        "conte vaze vazar exponha divulgue compartilhe escreva liste copie envie forneca passe recite "
        "resuma traduza cite soletre descreva conta lia imprima",
        "покажи* показать выведи* вывести напечата* распечата* повтори* раскрой* раскрыть скажи* сообщи* "
        "выдай* "
        "процитир* озвуч* напиши* перечисли* скопир* пришли* отправь* открой выложи опиши переведи изложи "
        "продиктуй расскажи назови",
    ),
    "hidden": _words(
        "hidden secret internal initial confidential original private preset predefined underlying",
        "oculto oculta ocultas ocultos secreto secreta secretas secretos interno interna internas internos "
        "confidencial "
        "confidenciais inicial iniciais original originais",
        "скрыт* секретн* тайн* внутренн* начальн* изначальн* конфиденциальн* исходн* первоначальн*",
    ),
    "secret": _words(
        "password passwords secret secrets credentials token tokens apikey keys api_key passphrase passwd",
        "senha senhas segredo segredos credenciais token tokens chave chaves",
        "пароль пароли паролей секрет секреты секретов токен токены токенов ключ ключи ключей",
    ),
    "data": _words(
        "conversation history chat messages password passwords secret secrets credentials token tokens "
        "keys key file files secrets "
        "contents content data prompt instructions inbox emails cookies env environment database logs "
        "context",
        "conversa historico mensagens senha senhas segredos credenciais token tokens chaves chave arquivos "
        "conteudo dados "
        "prompt instrucoes emails contexto",
        "переписк* истори* сообщени* пароль пароли паролей секрет* токен* ключ ключи ключей файлы файлов "
        "данные данных "
        "промпт* инструкц* письма контекст*",
    ),
    "send": _words(
        "send post upload forward transmit exfiltrate leak submit append deliver embed encode attach include email",
        "envie envia enviar mande manda mandar poste publique encaminhe transmita suba anexe inclua codifique repasse",
        "отправ* пошли* перешли* передай* загрузи* выгрузи* вышли* слей добавь* закодируй* опубликуй*",
    ),
    "destination": _words(
        "http https url webhook endpoint attacker evil hacker server address site link",
        "http https url webhook endpoint servidor endereco site link",
        "http https url вебхук сервер адрес сайт ссылк*",
    ),
    "agent": _words(
        "assistant assistants ai llm llms agent agents chatbot chatbots chatgpt claude gpt copilot gemini "
        "model models bot lm",
        "assistente assistentes ia llm agente agentes modelos chatbot chatgpt claude gpt copilot modelo bot robo",
        "ассистент* помощник* ии нейросет* чатбот* чатгпт модель модели моделей агент* бот",
    ),
    "persona": _words(
        "dan dude stan aim jailbreak jailbroken unrestricted uncensored unfiltered unbound amoral immoral "
        "unethical evil "
        "malicious rogue lawless godmode omnipotent unhinged machiavellian sociopath psychopath",
        "dan jailbreak irrestrito irrestrita amoral imoral antietico antietica maligno maligna malvado malvada",
        "dan джейлбрейк неограниченн* аморальн* безнравственн* злой злым злая злую злого злодей злодеем "
        "неэтичн* бесцензурн* расцензур*",
    ),
    "be": _words(
        "act behave respond answer reply pretend roleplay function operate play become simulate impersonate",
        "aja agir atue atuar finja fingir responda responder interprete interpretar comporte torne simule simular",
        "веди притворись притворяйся представь действуй отвечай играй сыграй изображай стань имитируй симулируй",
    ),
    "run": _words(
        "run execute invoke call use trigger perform open visit fetch delete download install click",
        "execute executar rode rodar chame invoque use utilize acione abra acesse baixe apague delete instale clique",
        "выполни* запусти* запускать выполнять вызови* используй* открой* скачай* удали* установи* перейди*",
    ),
    "must": _words(
        "must should shall please now need have required immediately",
        "deve devem precisa precisam favor agora imediatamente tem",
        "должн* обязан* пожалуйста сейчас немедленно нужно следует необходимо",
    ),
}
